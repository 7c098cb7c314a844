// The first half of the experts: y[visit, i] = act(gate_i . x[r]) * (up_i . x[r]) for visits of a row r to an expert; act is silu, or
// with RELU the positive part. With NORM, x[r] is normalised on the way. Gate and up rows lie in one matrix an expert, up from row up_row on: a thread's two bands. The stack
// may be cut by experts: visits to an expert that lies outside leave y alone.
//
// Workgroup x counts channels i, y the lists of BATCH visits.

struct Params {
  slots: u32,         // visits of a row
  ff: u32,            // channels of an expert
  up_row: u32,
  matrix_rows: u32,   // rows of an expert's matrix
  width: u32,
  first_expert: u32,
  expert_count: u32,
  x_stride: u32,
  y_stride: u32,      // elements from one visit's y to the next
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(3) var<storage, read> routes: array<vec2<u32>>;  // (rows, slots): expert, weight
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

// act(gate) * up. The exponent is held below that of the largest f32: WGSL does not promise infinities.
fn activate(gate: Dots, up: Dots) -> Dots {
  if (RELU) {
    return max(gate, Dots()) * up;
  }
  return gate / (1.0 + exp(min(-gate, Dots() + 80.0))) * up;
}

fn start(share: Share, v: u32) -> u32 {
  return visit_at(share, v) / params.slots * params.x_stride;
}

fn write(visit: u32, channel: u32, value: f32) {
  if (channel < params.ff) {
    y[visit * params.y_stride + channel] = value;
  }
}

fn finish(share: Share, v: u32, place: u32, sum: Sum) {
  let visit = visits[share.first + v];
  if (visit != NONE) {
    write_band(visit, share.row + place, activate(sum.low, sum.high));
  }
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let share = Share(group.y * BATCH, group.x * BAND);
  let visit = visits[share.first];
  if (visit == NONE) {
    return;
  }
  let matrix = routes[visit].x - params.first_expert;
  if (matrix >= params.expert_count) {
    return;
  }
  let channel = share.row + thread / LANES;
  finish_all(share, product(matrix, channel, params.up_row + channel, params.matrix_rows, params.width, share, thread), thread);
}
