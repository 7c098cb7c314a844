// q5_k: 5 bits * (d * scale) - dmin * min; 12 words among the scales for the 8 blocks of a super-block: as q4_k, then the fifth
// bits of each block.
@group(0) @binding(8) var<storage, read> weights: array<vec4<u32>>;
@group(0) @binding(9) var<storage, read> scales: array<u32>;

fn affine(word: u32, first: u32, fifth: u32, scale: f32, least: f32) -> vec4<f32> {
  return scale * vec4<f32>(nibbles(word) | (bits(fifth, first) << vec4<u32>(4u))) - least;
}

// The 32 weights of a block of a row, in a stack of matrices of `rows` rows of `blocks` blocks.
fn load_block(matrix: u32, row: u32, block: u32, rows: u32, blocks: u32) -> Block {
  let at = (matrix * rows + row) * blocks + block;
  let super_block = at / 8u * 12u;
  let s = scale_and_least(super_block, at % 8u);
  let scale = s.x;
  let least = s.y;
  let fifth = scales[super_block + 4u + at % 8u];
  let v = weights[at];
  return Block(
    affine(v.x, 0u, fifth, scale, least), affine(v.y, 4u, fifth, scale, least), affine(v.z, 8u, fifth, scale, least), affine(v.w, 12u, fifth, scale, least),
    affine(v.x >> 4u, 16u, fifth, scale, least), affine(v.y >> 4u, 20u, fifth, scale, least), affine(v.z >> 4u, 24u, fifth, scale, least), affine(v.w >> 4u, 28u, fifth, scale, least),
  );
}
