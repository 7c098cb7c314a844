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
