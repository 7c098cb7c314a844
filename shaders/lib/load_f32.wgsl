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
