// iq4_xs: table[nibble] * (d * scale); 2 words among the scales for the 8 blocks of a super-block: f16 d, the upper 2 bits of each
// scale, then their lower nibbles.
@group(0) @binding(8) var<storage, read> weights: array<vec4<u32>>;
@group(0) @binding(9) var<storage, read> scales: array<u32>;

// The 32 weights of a block of a row, in a stack of matrices of `rows` rows of `blocks` blocks.
fn load_block(matrix: u32, row: u32, block: u32, rows: u32, blocks: u32) -> Block {
  let at = (matrix * rows + row) * blocks + block;
  let super_block = at / 8u * 2u;
  let b = at % 8u;
  let s = scales[super_block];
  let code = ((scales[super_block + 1u] >> (4u * b)) & 15u) | (((s >> (16u + 2u * b)) & 3u) << 4u);
  let scale = half(s, 0u) * (f32(code) - 32.0);
  return iq4_block(weights[at], scale);
}
