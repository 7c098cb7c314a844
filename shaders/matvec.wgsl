// Products of a matrix with vectors: y[v, y_offset + i] = scale * sum over k of w[i, k] * x[v, x_offset + k], or, to accumulate,
// added to what y holds. With NORM, x[v] is normalised on the way. Workgroup z takes BATCH of the vectors.

struct Params {
  rows: u32,
  width: u32,
  vectors: u32,
  x_stride: u32,
  x_offset: u32,
  y_stride: u32,
  y_offset: u32,
  epsilon: f32,
  scale: f32,
  accumulate: u32,  // 0 or 1
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

// Where vector v of a share begins; beyond the last one, the last one.
fn start(share: Share, v: u32) -> u32 {
  return min(share.first + v, params.vectors - 1u) * params.x_stride + params.x_offset;
}

fn write(v: u32, row: u32, value: f32) {
  if (row < params.rows) {
    let at = v * params.y_stride + params.y_offset + row;
    if (params.accumulate != 0u) {
      y[at] += params.scale * value;
    } else {
      y[at] = params.scale * value;
    }
  }
}

fn finish(share: Share, v: u32, place: u32, sum: Sum) {
  if (share.first + v < params.vectors) {
    write_band(share.first + v, share.row + place, sum.low);
    if (BANDS > 1u) {
      write_band(share.first + v, share.row + place + BAND, sum.high);
    }
  }
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let share = Share(group.z * BATCH, (group.y * groups.x + group.x) * BANDS * BAND);
  let row = share.row + thread / LANES;
  finish_all(share, product(0u, row, row + BAND, params.rows, params.width, share, thread), thread);
}
