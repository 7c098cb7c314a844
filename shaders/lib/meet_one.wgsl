// A thread has its rows to itself.
fn hand_over(share: Share, v: u32, sum: Sum, thread: u32) {
  finish(share, v, thread, normalised(sum));
}

fn meet(share: Share, thread: u32) {
}

fn part() {
}
