// matvec format=f32 batch=1 norm=false accumulate=false lanes=4 rows=1 threads=64 partials=64 int8=false aligned=true
const BATCH: u32 = 1u;
const NORM: bool = false;
const ACCUMULATE: bool = false;
const LANES: u32 = 4u;
const ROWS: u32 = 1u;
const THREADS: u32 = 64u;
const PARTIALS: u32 = 64u;
const INT8: bool = false;
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

// A thread takes ROWS rows of a matrix at once, so that what it reads of x serves them all. In a workgroup of THREADS,
// of which LANES share a row, they lie ROW_STEP apart. How a block of a row is kept and multiplied, rows_float.wgsl or
// rows_int8.wgsl says.
const ROW_STEP: u32 = THREADS / LANES;
const ROWS_HERE: u32 = ROW_STEP * ROWS;  // rows of a workgroup

// The same block of each of a thread's rows; those beyond ROWS are not made.
struct RowBlocks {
  a: RowBlock,
  b: RowBlock,
  c: RowBlock,
  d: RowBlock,
}

// Rows beyond the matrix read its last one: their results are dropped.
fn load_rows(matrix: u32, row: u32, block: u32, rows: u32, blocks: u32) -> RowBlocks {
  var w: RowBlocks;
  w.a = load_row(matrix, min(row, rows - 1u), block, rows, blocks);
  if (ROWS > 1u) {
    w.b = load_row(matrix, min(row + ROW_STEP, rows - 1u), block, rows, blocks);
  }
  if (ROWS > 2u) {
    w.c = load_row(matrix, min(row + 2u * ROW_STEP, rows - 1u), block, rows, blocks);
    w.d = load_row(matrix, min(row + 3u * ROW_STEP, rows - 1u), block, rows, blocks);
  }
  return w;
}

// The product of each row's block with a block of activations.
fn dot_rows(w: RowBlocks, x: Factor) -> vec4<f32> {
  var dots = vec4<f32>(dot_row(w.a, x), 0.0, 0.0, 0.0);
  if (ROWS > 1u) {
    dots.y = dot_row(w.b, x);
  }
  if (ROWS > 2u) {
    dots.z = dot_row(w.c, x);
    dots.w = dot_row(w.d, x);
  }
  return dots;
}

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

// x is taken as it is.
fn normed(v: Block, k: u32, left: u32) -> Block {
  return v;
}

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

