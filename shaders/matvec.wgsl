// Products of a matrix with up to 8 vectors: y[b, y_offset + i] = scale * sum over k of w[i, k] * x[b, x_offset + k],
// with ACCUMULATE added to what y holds. With NORM, x[b] is RMS-normalised on the way: x * norm / rms(x).
//
// LANES threads share ROWS rows of the matrix, each taking every LANES-th block of 32 weights; a block is dequantised
// once for all BATCH vectors. The sum of squares for the norm comes from the same loop. The sums of a vector are made
// in the same order whatever BATCH is.

struct Params {
  rows: u32,
  k: u32,
  x_stride: u32,
  x_offset: u32,
  y_stride: u32,
  y_offset: u32,
  epsilon: f32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

// What a thread has summed up of a vector: a dot product for each of its rows, and the squares.
struct Sum {
  dots: vec4<f32>,
  square: f32,
}

fn add(sum: Sum, w: RowBlocks, b: u32, block: u32) -> Sum {
  let k = 32u * block;
  let left = params.k - k;
  let v = x_block(b * params.x_stride + params.x_offset + k, left);
  var out = sum;
  out.dots += dot_rows(w, factor(normed(v, k, left)));
  if (NORM) {
    out.square += dot_block(v, v);
  }
  return out;
}

fn write(b: u32, row: u32, value: f32) {
  if (row < params.rows) {
    let at = b * params.y_stride + params.y_offset + row;
    if (ACCUMULATE) {
      y[at] += value;
    } else {
      y[at] = value;
    }
  }
}

// The sums of vector b over the lanes, written by the first of them.
fn finish(b: u32, row: u32, sum: Sum, thread: u32) {
  var dots = over_lanes(b, sum.dots, thread);
  if (NORM) {
    let square = over_lanes(BATCH + b, vec4<f32>(sum.square), thread).x;
    dots /= sqrt(square / f32(params.k) + params.epsilon);
  }
  if (thread % LANES != 0u) {
    return;
  }
  dots *= params.scale;
  write(b, row, dots.x);
  if (ROWS > 1u) {
    write(b, row + ROW_STEP, dots.y);
  }
  if (ROWS > 2u) {
    write(b, row + 2u * ROW_STEP, dots.z);
    write(b, row + 3u * ROW_STEP, dots.w);
  }
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let row = (group.y * groups.x + group.x) * ROWS_HERE + thread / LANES;
  let blocks = (params.k + 31u) / 32u;
  var s0: Sum;  // one a vector
  var s1: Sum;
  var s2: Sum;
  var s3: Sum;
  var s4: Sum;
  var s5: Sum;
  var s6: Sum;
  var s7: Sum;
  for (var block = thread % LANES; block < blocks; block += LANES) {
    let w = load_rows(0u, row, block, params.rows, blocks);
    s0 = add(s0, w, 0u, block);
    if (BATCH > 1u) { s1 = add(s1, w, 1u, block); }
    if (BATCH > 2u) { s2 = add(s2, w, 2u, block); }
    if (BATCH > 3u) { s3 = add(s3, w, 3u, block); }
    if (BATCH > 4u) { s4 = add(s4, w, 4u, block); }
    if (BATCH > 5u) { s5 = add(s5, w, 5u, block); }
    if (BATCH > 6u) { s6 = add(s6, w, 6u, block); }
    if (BATCH > 7u) { s7 = add(s7, w, 7u, block); }
  }
  finish(0u, row, s0, thread);
  if (BATCH > 1u) { finish(1u, row, s1, thread); }
  if (BATCH > 2u) { finish(2u, row, s2, thread); }
  if (BATCH > 3u) { finish(3u, row, s3, thread); }
  if (BATCH > 4u) { finish(4u, row, s4, thread); }
  if (BATCH > 5u) { finish(5u, row, s5, thread); }
  if (BATCH > 6u) { finish(6u, row, s6, thread); }
  if (BATCH > 7u) { finish(7u, row, s7, thread); }
}
