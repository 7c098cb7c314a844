// q5_0: (5 bits - 16) * d; 3 words among the scales for two blocks: f16 d of both, then the fifth bits of each.
@group(0) @binding(8) var<storage, read> weights: array<vec4<u32>>;
@group(0) @binding(9) var<storage, read> scales: array<u32>;

// The 32 weights of a block of a row, in a stack of matrices of `rows` rows of `blocks` blocks.
fn load_block(matrix: u32, row: u32, block: u32, rows: u32, blocks: u32) -> Block {
  let at = (matrix * rows + row) * blocks + block;
  let pair = at / 2u * 3u;
  let scale = half(scales[pair], at % 2u);
  return affine_block_of_5(weights[at], scales[pair + 1u + at % 2u], scale, 16.0 * scale);
}
