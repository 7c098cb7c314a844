// q5_k: 5 bits * (d * scale) - dmin * min; 12 words among the scales for the 8 blocks of a super-block: as q4_k, then the fifth
// bits of each block.
@group(0) @binding(8) var<storage, read> weights: array<vec4<u32>>;
@group(0) @binding(9) var<storage, read> scales: array<u32>;

// The 32 weights of a block of a row, in a stack of matrices of `rows` rows of `blocks` blocks.
fn load_block(matrix: u32, row: u32, block: u32, rows: u32, blocks: u32) -> Block {
  let at = (matrix * rows + row) * blocks + block;
  let super_block = at / 8u * 12u;
  let s = scale_and_least(super_block, at % 8u);
  return affine_block_of_5(weights[at], scales[super_block + 4u + at % 8u], s.x, s.y);
}
