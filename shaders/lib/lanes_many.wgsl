// LANES neighbouring threads share their rows.
var<workgroup> partial: array<vec4<f32>, PARTIALS>;

// The sum of v over the lanes, in their order; only the first lane has it. Each call takes a slot of its own.
fn over_lanes(slot: u32, v: vec4<f32>, thread: u32) -> vec4<f32> {
  partial[slot * THREADS + thread] = v;
  workgroupBarrier();
  var sum = v;
  if (thread % LANES == 0u) {
    for (var lane = 1u; lane < LANES; lane++) {
      sum += partial[slot * THREADS + thread + lane];
    }
  }
  return sum;
}
