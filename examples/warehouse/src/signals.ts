export default {
  /** Deliveries of the carrier and readings of sensors, each at least once. */
  async event(event: Cordon.CloudEvent, env: Cordon.SignalsEnv): Promise<void> {
    const name = event.type.startsWith('cordon.webhook.') ? 'carrier' : 'sensor';
    await env.JOURNAL.put(`${name}/${event.id}`, '', {
      metadata: { type: event.type, said: event.json() },
    });
  },
};
