// Products of a matrix with up to 8 vectors: y[b, y_offset + i] = sum over k of w[i, k] * x[b, x_offset + k],
// with ACCUMULATE added to what y holds. With NORM, x[b] is RMS-normalised on the way: x * norm / rms(x).
//
// LANES threads share a row of the matrix, each taking every LANES-th block of 32 weights; a block is
// dequantised once for all BATCH vectors. The sum of squares for the norm comes from the same loop.

struct Params {
  rows: u32,
  k: u32,
  x_stride: u32,
  x_offset: u32,
  y_stride: u32,
  y_offset: u32,
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

var<workgroup> partial: array<f32, PARTIALS>;  // of each thread: BATCH dot products, then BATCH sums of squares

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let rows_here = 64u / LANES;
  let first = (group.y * groups.x + group.x) * rows_here;
  let row = first + thread / LANES;
  let blocks = (params.k + 31u) / 32u;
  var dots: array<f32, BATCH>;
  var squares: array<f32, BATCH>;
  if (row < params.rows) {
    for (var block = thread % LANES; block < blocks; block += LANES) {
      var w = load_block(0u, row, block, params.rows, blocks);
      let left = params.k - 32u * block;
      for (var i = 0u; i < 8u; i++) {
        let k = 32u * block + 4u * i;
        let here = left - min(left, 4u * i);
        let weight = w[i] * norm4(k, here);
        for (var b = 0u; b < BATCH; b++) {
          let v = x4(b * params.x_stride + params.x_offset + k, here);
          dots[b] += dot(weight, v);
          if (NORM) {
            squares[b] += dot(v, v);
          }
        }
      }
    }
  }
  for (var b = 0u; b < BATCH; b++) {
    partial[b * 64u + thread] = dots[b];
    if (NORM) {
      partial[(BATCH + b) * 64u + thread] = squares[b];
    }
  }
  workgroupBarrier();
  for (var o = thread; o < rows_here * BATCH; o += 64u) {
    let b = o / rows_here;
    let r = o % rows_here;
    if (first + r >= params.rows) {
      continue;
    }
    var sum = 0.0;
    var square = 0.0;
    for (var lane = 0u; lane < LANES; lane++) {
      sum += partial[b * 64u + r * LANES + lane];
      if (NORM) {
        square += partial[(BATCH + b) * 64u + r * LANES + lane];
      }
    }
    if (NORM) {
      sum /= sqrt(square / f32(params.k) + params.epsilon);
    }
    let at = b * params.y_stride + params.y_offset + first + r;
    if (ACCUMULATE) {
      sum += y[at];
    }
    y[at] = sum;
  }
}
