// matvec format=f32 batch=1 norm=false accumulate=false aligned=true lanes=4 partials=64
const BATCH: u32 = 1u;
const NORM: bool = false;
const ACCUMULATE: bool = false;
const ALIGNED: bool = true;
const LANES: u32 = 4u;
const PARTIALS: u32 = 64u;
// f32: a block is 8 words of 4 numbers.
@group(0) @binding(8) var<storage, read> weights: array<vec4<u32>>;

// The 32 weights of a block of a row, in a stack of matrices of `rows` rows of `blocks` blocks.
fn load_block(matrix: u32, row: u32, block: u32, rows: u32, blocks: u32) -> array<vec4<f32>, 8> {
  var out: array<vec4<f32>, 8>;
  let at = ((matrix * rows + row) * blocks + block) * 8u;
  for (var i = 0u; i < 8u; i++) {
    out[i] = bitcast<vec4<f32>>(weights[at + i]);
  }
  return out;
}

// The activations x, read 4 at a time: rows and offsets are multiples of 4 and widths of 32.
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;

// Elements at .. at+3, of which `left` belong to the row: here always all.
fn x4(at: u32, left: u32) -> vec4<f32> {
  return x[at / 4u];
}

// x is taken as it is.
fn norm4(k: u32, left: u32) -> vec4<f32> {
  return vec4<f32>(1.0);
}

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

