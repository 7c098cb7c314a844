// embed format=f32
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

// Embedding: y[r] = scale times the row of the table for the token `shift` places after row r's position.
// The table may be cut by rows: a token outside [first_token, first_token + count) leaves y alone.
// One thread dequantises one block of 32 elements.

struct Params {
  width: u32,
  first_token: u32,
  count: u32,
  capacity: u32,  // positions from one sequence's tokens to the next
  shift: u32,
  y_stride: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> rows: array<vec2<u32>>;  // (sequence, position)
@group(0) @binding(2) var<storage, read> tokens: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

fn write(at: u32, left: u32, i: u32, unscaled: vec4<f32>) {
  let v = unscaled * params.scale;
  if (left > i) { y[at + i] = v.x; }
  if (left > i + 1u) { y[at + i + 1u] = v.y; }
  if (left > i + 2u) { y[at + i + 2u] = v.z; }
  if (left > i + 3u) { y[at + i + 3u] = v.w; }
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let blocks = (params.width + 31u) / 32u;
  let row = rows[id.y];
  let token = tokens[row.x * params.capacity + row.y + params.shift];
  if (id.x >= blocks || token < params.first_token || token - params.first_token >= params.count) {
    return;
  }
  let w = load_block(0u, token - params.first_token, id.x, params.count, blocks);
  let at = id.y * params.y_stride + 32u * id.x;
  let left = params.width - 32u * id.x;
  write(at, left, 0u, w.a);
  write(at, left, 4u, w.b);
  write(at, left, 8u, w.c);
  write(at, left, 12u, w.d);
  write(at, left, 16u, w.e);
  write(at, left, 20u, w.f);
  write(at, left, 24u, w.g);
  write(at, left, 28u, w.h);
}

