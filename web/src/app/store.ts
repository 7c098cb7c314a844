import { useEffect, useState } from 'preact/hooks';

/** A value that components can follow. Values are replaced, never changed. */
export class Store<T> {
  private readonly followers = new Set<() => void>();

  constructor(private current: T) {}

  get value(): T {
    return this.current;
  }

  set value(next: T) {
    this.current = next;
    for (const follower of this.followers) follower();
  }

  follow(follower: () => void): () => void {
    this.followers.add(follower);
    return () => this.followers.delete(follower);
  }
}

/** The store's value; the component renders again when it is replaced. */
export function useStore<T>(store: Store<T>): T {
  const [, render] = useState({});
  useEffect(() => {
    render({}); // it may have been replaced between rendering and this effect
    return store.follow(() => render({}));
  }, [store]);
  return store.value;
}
