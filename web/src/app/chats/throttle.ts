/** Hands on the newest value: the first at once, then at most one each period. */
export class Throttle<T> {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private last = -Infinity;
  private pending: T | undefined;

  constructor(
    private readonly period: number,
    private readonly use: (value: T) => void,
  ) {}

  offer(value: T): void {
    this.pending = value;
    if (this.timer !== undefined) return;
    const wait = this.last + this.period - performance.now();
    if (wait <= 0) this.flush();
    else this.timer = setTimeout(() => this.flush(), wait);
  }

  /** Hands on the last value without waiting. */
  finish(value: T): void {
    this.pending = value;
    this.flush();
  }

  /** Forgets what waits. */
  drop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.pending = undefined;
  }

  /** Hands on what waits. */
  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.pending === undefined) return;
    this.last = performance.now();
    const value = this.pending;
    this.pending = undefined;
    this.use(value);
  }
}
