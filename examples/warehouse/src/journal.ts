interface DeliveryRead {
  key: string;
  rows: number;
}

export default {
  async event(event: Cordon.CloudEvent, env: Cordon.JournalEnv): Promise<void> {
    const { key, rows } = event.json() as DeliveryRead;
    await env.JOURNAL.put(`delivery/${event.id}`, '', { metadata: { key, rows } });
  },

  async scheduled(controller: Cordon.ScheduledController, env: Cordon.JournalEnv): Promise<void> {
    const day = new Date(controller.scheduledTime).toISOString().slice(0, 10);
    await env.JOURNAL.put(`opened/${day}`, '', { metadata: { cron: controller.cron } });
  },

  async fetch(_request: Request, env: Cordon.JournalEnv): Promise<Response> {
    const { keys } = await env.JOURNAL.list();
    return Response.json(keys.map(({ name, metadata }) => ({ name, ...(metadata as object) })));
  },
};
