// mla_prepare format=f32 kv_lora_rank=64 qk_nope_head_dim=32 qk_rope_head_dim=16 halves=false lanes=1 rows=1 threads=16 partials=0 int8=false aligned=true
const KV_LORA_RANK: u32 = 64u;
const QK_NOPE_HEAD_DIM: u32 = 32u;
const QK_ROPE_HEAD_DIM: u32 = 16u;
const HALVES: bool = false;
const LANES: u32 = 1u;
const ROWS: u32 = 1u;
const THREADS: u32 = 16u;
const PARTIALS: u32 = 0u;
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

// A thread has its rows to itself.
fn over_lanes(slot: u32, v: vec4<f32>, thread: u32) -> vec4<f32> {
  return v;
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

// Both sides of latent attention for a token (DeepSeek-V2, section 2.1). Its queries in latent space:
//   query[r, h] = [ W_UK[h]^T q_nope[h] ; RoPE(q_pe[h]) ]
// and its own row of the cache:
//   latent[row] = [ RMSNorm(c) * norm ; RoPE(k_pe) ]
//
// Workgroup y is a head, or, after the last head, the cache row. Of a head, workgroup x does ROWS_HERE elements of
// the latent part, and the first one the rope part too. Workgroup z is the row of the step.

struct Params {
  heads: u32,
  q_stride: u32,
  q_offset: u32,   // of a row's queries: heads x [nope | rope]
  kv_stride: u32,
  kv_offset: u32,  // of a row's [c | k_pe]
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> norm: array<f32>;
@group(0) @binding(3) var<storage, read> kv: array<f32>;
@group(0) @binding(4) var<storage, read> positions: array<u32>;
@group(0) @binding(5) var<storage, read_write> latent: array<f32>;  // (cache rows, KV_LORA_RANK + QK_ROPE_HEAD_DIM)
@group(0) @binding(6) var<storage, read_write> query: array<f32>;   // (rows, heads, KV_LORA_RANK + QK_ROPE_HEAD_DIM)

const LATENT_WIDTH: u32 = KV_LORA_RANK + QK_ROPE_HEAD_DIM;

var<workgroup> squares: array<f32, THREADS>;

// Pair i of a row's rotation.
fn rotation(row: u32, i: u32) -> vec2<f32> {
  let at = row * (3u + QK_ROPE_HEAD_DIM) + 3u + 2u * i;
  return vec2<f32>(bitcast<f32>(positions[at]), bitcast<f32>(positions[at + 1u]));
}

// Where the elements of pair i lie that are turned together: side by side, or with HALVES in the two halves of the rope part.
// The order in which they are written is no matter: queries and keys have the same.
fn pair_at(first: u32, i: u32) -> vec2<u32> {
  if (HALVES) {
    return vec2<u32>(first + i, first + QK_ROPE_HEAD_DIM / 2u + i);
  }
  return vec2<u32>(first + 2u * i, first + 2u * i + 1u);
}

// The pair (a, b) turned by (cos, sin).
fn turn(a: f32, b: f32, by: vec2<f32>) -> vec2<f32> {
  return vec2<f32>(a * by.x - b * by.y, a * by.y + b * by.x);
}

fn write(to: u32, element: u32, value: f32) {
  if (element < KV_LORA_RANK) {
    query[to + element] = value;
  }
}

// The row's own latent into the cache.
fn keep_latent(row: u32, thread: u32) {
  let kv_at = row * params.kv_stride + params.kv_offset;
  var square = 0.0;
  for (var i = thread; i < KV_LORA_RANK; i += THREADS) {
    square += kv[kv_at + i] * kv[kv_at + i];
  }
  squares[thread] = square;
  workgroupBarrier();
  var total = 0.0;
  for (var i = 0u; i < THREADS; i++) {
    total += squares[i];
  }
  let scale = 1.0 / sqrt(total / f32(KV_LORA_RANK) + params.epsilon);
  let to = positions[row * (3u + QK_ROPE_HEAD_DIM)] * LATENT_WIDTH;
  for (var i = thread; i < KV_LORA_RANK; i += THREADS) {
    latent[to + i] = norm[i] * kv[kv_at + i] * scale;
  }
  for (var i = thread; i < QK_ROPE_HEAD_DIM / 2u; i += THREADS) {
    let pe = pair_at(kv_at + KV_LORA_RANK, i);
    let turned = turn(kv[pe.x], kv[pe.y], rotation(row, i));
    latent[to + KV_LORA_RANK + 2u * i] = turned.x;
    latent[to + KV_LORA_RANK + 2u * i + 1u] = turned.y;
  }
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let row = group.z;
  let head = group.y;
  if (head == params.heads) {
    if (group.x == 0u) {
      keep_latent(row, thread);
    }
    return;
  }

  let q_at = row * params.q_stride + params.q_offset + head * (QK_NOPE_HEAD_DIM + QK_ROPE_HEAD_DIM);
  let element = group.x * ROWS_HERE + thread / LANES;
  let blocks = (QK_NOPE_HEAD_DIM + 31u) / 32u;
  var sum = vec4<f32>(0.0);
  for (var block = thread % LANES; block < blocks; block += LANES) {
    let w = load_rows(head, element, block, KV_LORA_RANK, blocks);
    sum += dot_rows(w, factor(x_block(q_at + 32u * block, QK_NOPE_HEAD_DIM - 32u * block)));
  }
  sum = over_lanes(0u, sum, thread);

  let to = (row * params.heads + head) * LATENT_WIDTH;
  if (thread % LANES == 0u) {
    write(to, element, sum.x);
    if (ROWS > 1u) {
      write(to, element + ROW_STEP, sum.y);
    }
    if (ROWS > 2u) {
      write(to, element + 2u * ROW_STEP, sum.z);
      write(to, element + 3u * ROW_STEP, sum.w);
    }
  }
  if (group.x == 0u) {
    for (var i = thread; i < QK_ROPE_HEAD_DIM / 2u; i += THREADS) {
      let pe = pair_at(q_at + QK_NOPE_HEAD_DIM, i);
      let turned = turn(x1(pe.x), x1(pe.y), rotation(row, i));
      query[to + KV_LORA_RANK + 2u * i] = turned.x;
      query[to + KV_LORA_RANK + 2u * i + 1u] = turned.y;
    }
  }
}

