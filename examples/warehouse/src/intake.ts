interface Uploaded {
  bucket: string;
  key: string;
}

/** Rows such as `teapot,12`. */
function readRows(text: string): { item: string; count: number }[] {
  return text
    .split('\n')
    .map((line) => line.trim().split(','))
    .filter((columns) => columns.length === 2)
    .map(([item = '', count = '']) => ({ item, count: Number(count) }))
    .filter(({ item, count }) => /^[a-z]+$/.test(item) && Number.isInteger(count));
}

export default {
  async event(event: Cordon.CloudEvent, env: Cordon.IntakeEnv): Promise<void> {
    const { key } = event.json() as Uploaded;
    const note = await env.DELIVERIES.get(key);
    if (note === null) return;
    const rows = readRows(await note.text());
    // The same delivery may come twice: what is made of it has the same name each time.
    await env.MOVEMENTS.sendBatch(
      rows.map((row, index) => ({ body: { id: `${event.id}-${index}`, ...row } })),
    );
    await env.NEXT.send('delivery.read', { key, rows: rows.length }, { id: event.id, subject: key });
  },
};
