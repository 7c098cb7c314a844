// LANES neighbouring threads share their rows: what they have of the sums of BATCH vectors they exchange in workgroup memory.
var<workgroup> partial: array<Dots, PARTIALS>;  // (bands and squares, vectors, threads)

fn hand_over(share: Share, v: u32, sum: Sum, thread: u32) {
  partial[v * THREADS + thread] = sum.low;
  if (BANDS > 1u) {
    partial[(BATCH + v) * THREADS + thread] = sum.high;
  }
  if (NORM) {
    partial[(BANDS * BATCH + v) * THREADS + thread] = Dots() + sum.square;
  }
}

// The sum over the lanes from `at` on, in their order.
fn over_lanes(at: u32) -> Dots {
  var sum = partial[at];
  for (var lane = 1u; lane < LANES; lane++) {
    sum += partial[at + lane];
  }
  return sum;
}

// All threads share the summing up.
fn meet(share: Share, thread: u32) {
  workgroupBarrier();
  for (var i = thread; i < BATCH * ROW_STEP; i += THREADS) {
    var sum: Sum;
    sum.low = over_lanes(i * LANES);
    if (BANDS > 1u) {
      sum.high = over_lanes(BATCH * THREADS + i * LANES);
    }
    if (NORM) {
      sum.square = first_of(over_lanes(BANDS * BATCH * THREADS + i * LANES));
    }
    finish(share, i / ROW_STEP, i % ROW_STEP, normalised(sum));
  }
}

// Between one product and the next of the same workgroup.
fn part() {
  workgroupBarrier();
}
