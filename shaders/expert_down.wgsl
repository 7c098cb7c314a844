// The second half of the experts of a row alone: y[r, i] += weight_s * (W_e[i] . x[r, s]) for slot after slot s, e the slot's expert. The
// stack may be cut by experts: slots whose expert lies outside add nothing.
//
// Workgroup x counts outputs i, z rows.

struct Params {
  slots: u32,
  ff: u32,            // channels of an expert: the width of W
  x_stride: u32,      // elements from one slot of x to the next
  width: u32,         // outputs: the rows of W
  first_expert: u32,
  expert_count: u32,
  y_stride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(3) var<storage, read> routes: array<vec2<u32>>;  // (rows, slots): expert, weight as f32 bits
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

fn start(share: Share, v: u32) -> u32 {
  return share.first * params.x_stride;
}

fn write(slot: u32, output: u32, value: f32) {
  if (output < params.width) {
    let at = slot / params.slots * params.y_stride + output;
    y[at] = fma(bitcast<f32>(routes[slot].y), value, y[at]);  // as expert_sum.wgsl does it
  }
}

fn finish(share: Share, v: u32, place: u32, sum: Sum) {
  write_band(share.first, share.row + place, sum.low);
  if (BANDS > 1u) {
    write_band(share.first, share.row + place + BAND, sum.high);
  }
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let first = group.x * BANDS * BAND;
  let output = first + thread / LANES;
  for (var s = 0u; s < params.slots; s++) {
    let share = Share(group.z * params.slots + s, first);
    let matrix = routes[share.first].x - params.first_expert;
    if (matrix < params.expert_count) {
      finish_all(share, product(matrix, output, output + BAND, params.width, params.ff, share, thread), thread);
      part();
    }
  }
}
