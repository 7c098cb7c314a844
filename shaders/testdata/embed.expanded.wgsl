// embed format=f32
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

// Embedding: y[r] = the row of the table for the token `shift` places after row r's position.
// The table may be cut by rows: a token outside [first_token, first_token + count) leaves y alone.
// One thread dequantises one block of 32 elements.

struct Params {
  width: u32,
  first_token: u32,
  count: u32,
  capacity: u32,  // positions from one sequence's tokens to the next
  shift: u32,
  y_stride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> rows: array<vec2<u32>>;  // (sequence, position)
@group(0) @binding(2) var<storage, read> tokens: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let blocks = (params.width + 31u) / 32u;
  let row = rows[id.y];
  let token = tokens[row.x * params.capacity + row.y + params.shift];
  if (id.x >= blocks || token < params.first_token || token - params.first_token >= params.count) {
    return;
  }
  var w = load_block(0u, token - params.first_token, id.x, params.count, blocks);
  for (var i = 0u; i < min(32u, params.width - 32u * id.x); i++) {
    y[id.y * params.y_stride + 32u * id.x + i] = w[i / 4u][i % 4u];
  }
}

