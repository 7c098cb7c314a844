// The second half of the experts where several rows share a step: y[visit, i] = W[i] . x[visit] for visits of a row to an expert, W
// the expert's matrix. The stack may be cut by experts: visits to an expert that lies outside leave y alone. expert_sum.wgsl brings a
// row's visits together.
//
// Workgroup x counts outputs i, y the lists of BATCH visits.

struct Params {
  ff: u32,            // channels of an expert: the width of W
  x_stride: u32,      // elements from one visit's x to the next
  width: u32,         // outputs: the rows of W
  first_expert: u32,
  expert_count: u32,
  y_stride: u32,      // elements from one visit's y to the next
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(3) var<storage, read> routes: array<vec2<u32>>;  // (rows, slots): expert, weight
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

fn start(share: Share, v: u32) -> u32 {
  return visit_at(share, v) * params.x_stride;
}

fn write(visit: u32, output: u32, value: f32) {
  if (output < params.width) {
    y[visit * params.y_stride + output] = value;
  }
}

fn finish(share: Share, v: u32, place: u32, sum: Sum) {
  let visit = visits[share.first + v];
  if (visit != NONE) {
    write_band(visit, share.row + place, sum.low);
    if (BANDS > 1u) {
      write_band(visit, share.row + place + BAND, sum.high);
    }
  }
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let share = Share(group.y * BATCH, group.x * BANDS * BAND);
  let visit = visits[share.first];
  if (visit == NONE) {
    return;
  }
  let matrix = routes[visit].x - params.first_expert;
  if (matrix >= params.expert_count) {
    return;
  }
  let output = share.row + thread / LANES;
  finish_all(share, product(matrix, output, output + BAND, params.width, params.ff, share, thread), thread);
}
