/** How much of the past counts, in milliseconds. */
const WINDOW = 5000;
/** What is younger says little. */
const SHORTEST = 250;

/** How fast bytes come: those of the last seconds, for a speed from before a pause or a break says nothing of what is left. */
export class Speedometer {
  private readonly samples: { at: number; bytes: number }[] = [];

  add(bytes: number, now: number): void {
    const last = this.samples.at(-1);
    if (last && now - last.at < 100) last.bytes += bytes;
    else this.samples.push({ at: now, bytes });
    while (this.samples.length > 1 && now - this.samples[0]!.at > WINDOW) this.samples.shift();
  }

  bytesPerSecond(now: number): number {
    const first = this.samples[0];
    if (!first) return 0;
    const bytes = this.samples.reduce((sum, s) => sum + s.bytes, 0);
    return Math.max(0, bytes) / (Math.max(now - first.at, SHORTEST) / 1000);
  }
}
