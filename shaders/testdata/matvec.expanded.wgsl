// matvec format=f32 lanes=4 rows=1 threads=64 partials=128 int8=false bands=1 batch=1 norm=true aligned=true
const LANES: u32 = 4u;
const ROWS: u32 = 1u;
const THREADS: u32 = 64u;
const PARTIALS: u32 = 128u;
const INT8: bool = false;
const BANDS: u32 = 1u;
const BATCH: u32 = 1u;
const NORM: bool = true;
const ALIGNED: bool = true;
// 32 consecutive numbers of a row. Named fields, not an array: what is indexed by a variable is kept in memory.
struct Block {
  a: vec4<f32>,
  b: vec4<f32>,
  c: vec4<f32>,
  d: vec4<f32>,
  e: vec4<f32>,
  f: vec4<f32>,
  g: vec4<f32>,
  h: vec4<f32>,
}

fn dot_block(v: Block, w: Block) -> f32 {
  return dot(v.a, w.a) + dot(v.b, w.b) + dot(v.c, w.c) + dot(v.d, w.d) + dot(v.e, w.e) + dot(v.f, w.f) + dot(v.g, w.g) + dot(v.h, w.h);
}

// f32: a block is 8 words of 4 numbers.
@group(0) @binding(8) var<storage, read> weights: array<vec4<u32>>;

// The 32 weights of a block of a row, in a stack of matrices of `rows` rows of `blocks` blocks.
fn load_block(matrix: u32, row: u32, block: u32, rows: u32, blocks: u32) -> Block {
  let at = ((matrix * rows + row) * blocks + block) * 8u;
  return Block(
    bitcast<vec4<f32>>(weights[at]), bitcast<vec4<f32>>(weights[at + 1u]), bitcast<vec4<f32>>(weights[at + 2u]), bitcast<vec4<f32>>(weights[at + 3u]),
    bitcast<vec4<f32>>(weights[at + 4u]), bitcast<vec4<f32>>(weights[at + 5u]), bitcast<vec4<f32>>(weights[at + 6u]), bitcast<vec4<f32>>(weights[at + 7u]),
  );
}

// Rows and activations are multiplied as f32.
alias RowBlock = Block;
alias Factor = Block;

fn load_row(matrix: u32, row: u32, block: u32, rows: u32, blocks: u32) -> RowBlock {
  return load_block(matrix, row, block, rows, blocks);
}

// Activations as dot_rows wants them.
fn factor(v: Block) -> Factor {
  return v;
}

fn dot_row(w: RowBlock, x: Factor) -> f32 {
  return dot_block(w, x);
}

// Products of one, two or four rows, added to their sums: those of a block come together first, which rounds less.
fn dot_1(sum: f32, a: RowBlock, x: Factor) -> f32 {
  return sum + dot_block(x, a);
}

fn dot_2(sum: vec2<f32>, a: RowBlock, b: RowBlock, x: Factor) -> vec2<f32> {
  return sum + (x.a * mat2x4<f32>(a.a, b.a) + x.b * mat2x4<f32>(a.b, b.b) + x.c * mat2x4<f32>(a.c, b.c) + x.d * mat2x4<f32>(a.d, b.d)
    + x.e * mat2x4<f32>(a.e, b.e) + x.f * mat2x4<f32>(a.f, b.f) + x.g * mat2x4<f32>(a.g, b.g) + x.h * mat2x4<f32>(a.h, b.h));
}

fn dot_4(sum: vec4<f32>, a: RowBlock, b: RowBlock, c: RowBlock, d: RowBlock, x: Factor) -> vec4<f32> {
  return sum + (x.a * mat4x4<f32>(a.a, b.a, c.a, d.a) + x.b * mat4x4<f32>(a.b, b.b, c.b, d.b)
    + x.c * mat4x4<f32>(a.c, b.c, c.c, d.c) + x.d * mat4x4<f32>(a.d, b.d, c.d, d.d)
    + x.e * mat4x4<f32>(a.e, b.e, c.e, d.e) + x.f * mat4x4<f32>(a.f, b.f, c.f, d.f)
    + x.g * mat4x4<f32>(a.g, b.g, c.g, d.g) + x.h * mat4x4<f32>(a.h, b.h, c.h, d.h));
}

// A band is one row of a matrix.
struct Band {
  a: RowBlock,
}

alias Dots = f32;

fn load_band(matrix: u32, row: u32, block: u32, rows: u32, blocks: u32) -> Band {
  return Band(load_row(matrix, min(row, rows - 1u), block, rows, blocks));
}

fn dot_band(sum: Dots, w: Band, x: Factor) -> Dots {
  return dot_1(sum, w.a, x);
}

fn write_band(v: u32, row: u32, dots: Dots) {
  write(v, row, dots);
}

fn first_of(dots: Dots) -> f32 {
  return dots;
}

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

// The product of a matrix with up to 8 vectors in a workgroup of THREADS. LANES neighbouring threads share one or two bands of
// ROWS rows, each taking every LANES-th block of 32 weights; a block is dequantised once for all BATCH vectors, and what is read of
// a vector serves all rows. How a band lies, band_1.wgsl to band_4.wgsl say; how a block is kept and multiplied, rows_float.wgsl or
// rows_int8.wgsl. With NORM, vectors are RMS-normalised on the way: x * norm / rms(x), the sum of squares from the same loop. A kernel says where vectors begin (start), what is made of a vector's sums (finish), and, for write_band, of one (write).
//
// A vector's sums are made in the same order whatever BATCH, ROWS and BANDS are.
const ROW_STEP: u32 = THREADS / LANES;    // from row to row of a band
const BAND: u32 = ROW_STEP * ROWS;        // rows of a workgroup in a band

// A workgroup's share: the vectors from `first` on, and the rows from `row` on.
struct Share {
  first: u32,
  row: u32,
}

// What a thread has of a vector: the sums of its bands, and of squares. Without a second band, high stays empty.
struct Sum {
  low: Dots,
  high: Dots,
  square: f32,
}

// The sums of all vectors. Named fields: what is indexed by a variable is kept in memory, and spills.
struct Sums {
  a: Sum,
  b: Sum,
  c: Sum,
  d: Sum,
  e: Sum,
  f: Sum,
  g: Sum,
  h: Sum,
}

// The same block of a thread's bands. Rows beyond the matrix read its last one: their results are dropped.
struct Rows {
  low: Band,
  high: Band,
}

fn add(sum: Sum, w: Rows, at: u32, k: u32, left: u32) -> Sum {
  let v = x_block(at + k, left);
  let x = factor(normed(v, k, left));
  var out = sum;
  if (NORM) {
    out.square += dot_block(v, v);
  }
  out.low = dot_band(sum.low, w.low, x);
  if (BANDS > 1u) {
    out.high = dot_band(sum.high, w.high, x);
  }
  return out;
}

// The bands from low and high on of a matrix in a stack, of `width` columns, times the vectors of a share.
fn product(matrix: u32, low: u32, high: u32, rows: u32, width: u32, share: Share, thread: u32) -> Sums {
  let blocks = (width + 31u) / 32u;
  var first = vec4<u32>(start(share, 0u));
  var second = vec4<u32>(0u);
  if (BATCH > 1u) {
    first.y = start(share, 1u);
  }
  if (BATCH > 2u) {
    first.z = start(share, 2u);
    first.w = start(share, 3u);
  }
  if (BATCH > 4u) {
    second = vec4<u32>(start(share, 4u), start(share, 5u), start(share, 6u), start(share, 7u));
  }
  var sums: Sums;
  // A bound that hangs on uniforms alone would have lavapipe compile the loop unrolled, anew in every dispatch, and keep each.
  let end = min(blocks, min(arrayLength(&y), 65535u) << 16u);
  for (var block = thread % LANES; block < end; block += LANES) {
    var w: Rows;
    w.low = load_band(matrix, low, block, rows, blocks);
    if (BANDS > 1u) {
      w.high = load_band(matrix, high, block, rows, blocks);
    }
    let k = 32u * block;
    let left = width - k;
    sums.a = add(sums.a, w, first.x, k, left);
    if (BATCH > 1u) {
      sums.b = add(sums.b, w, first.y, k, left);
    }
    if (BATCH > 2u) {
      sums.c = add(sums.c, w, first.z, k, left);
      sums.d = add(sums.d, w, first.w, k, left);
    }
    if (BATCH > 4u) {
      sums.e = add(sums.e, w, second.x, k, left);
      sums.f = add(sums.f, w, second.y, k, left);
      sums.g = add(sums.g, w, second.z, k, left);
      sums.h = add(sums.h, w, second.w, k, left);
    }
  }
  return sums;
}

fn normalised(sum: Sum) -> Sum {
  if (NORM) {
    return Sum(sum.low / rms(sum.square), sum.high / rms(sum.square), 0.0);
  }
  return sum;
}

// Every vector's sums over the lanes go to finish.
fn finish_all(share: Share, sums: Sums, thread: u32) {
  hand_over(share, 0u, sums.a, thread);
  if (BATCH > 1u) {
    hand_over(share, 1u, sums.b, thread);
  }
  if (BATCH > 2u) {
    hand_over(share, 2u, sums.c, thread);
    hand_over(share, 3u, sums.d, thread);
  }
  if (BATCH > 4u) {
    hand_over(share, 4u, sums.e, thread);
    hand_over(share, 5u, sums.f, thread);
    hand_over(share, 6u, sums.g, thread);
    hand_over(share, 7u, sums.h, thread);
  }
  meet(share, thread);
}

// The activations x, read 4 at a time: rows and offsets are multiples of 4 and widths of 32.
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;

// Elements at .. at+31, of which `left` belong to the row: here always all.
fn x_block(at: u32, left: u32) -> Block {
  let i = at / 4u;
  return Block(x[i], x[i + 1u], x[i + 2u], x[i + 3u], x[i + 4u], x[i + 5u], x[i + 6u], x[i + 7u]);
}

fn x1(at: u32) -> f32 {
  return x[at / 4u][at % 4u];
}

// The weight of an RMSNorm that is applied to x on the way, read 4 at a time: the width is a multiple of 32.
@group(0) @binding(2) var<storage, read> norm: array<vec4<f32>>;

// Elements k .. k+31 of a row times their weights.
fn normed(v: Block, k: u32, left: u32) -> Block {
  let i = k / 4u;
  return Block(
    v.a * norm[i], v.b * norm[i + 1u], v.c * norm[i + 2u], v.d * norm[i + 3u],
    v.e * norm[i + 4u], v.f * norm[i + 5u], v.g * norm[i + 6u], v.h * norm[i + 7u],
  );
}

// What the sums of a row are divided by, from its sum of squares.
fn rms(square: f32) -> f32 {
  return sqrt(square / f32(params.width) + params.epsilon);
}

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

