// q4_k: nibble * (d * scale) - dmin * min; 4 words among the scales for the 8 blocks of a super-block.
@group(0) @binding(8) var<storage, read> weights: array<vec4<u32>>;
@group(0) @binding(9) var<storage, read> scales: array<u32>;

// The 32 weights of a block of a row, in a stack of matrices of `rows` rows of `blocks` blocks.
fn load_block(matrix: u32, row: u32, block: u32, rows: u32, blocks: u32) -> Block {
  let at = (matrix * rows + row) * blocks + block;
  let s = scale_and_least(at / 8u * 4u, at % 8u);
  return affine_block(weights[at], s.x, s.y);
}
