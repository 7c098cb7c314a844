// q5_1: 5 bits * d + m; 2 words among the scales for a block: f16 d and m, then the fifth bits.
@group(0) @binding(8) var<storage, read> weights: array<vec4<u32>>;
@group(0) @binding(9) var<storage, read> scales: array<u32>;

// The 32 weights of a block of a row, in a stack of matrices of `rows` rows of `blocks` blocks.
fn load_block(matrix: u32, row: u32, block: u32, rows: u32, blocks: u32) -> Block {
  let at = (matrix * rows + row) * blocks + block;
  let d = unpack2x16float(scales[2u * at]);
  return affine_block_of_5(weights[at], scales[2u * at + 1u], d.x, -d.y);
}
