// q3_k: (3 bits - 4) * (d * scale); 12 words among the scales for the 8 blocks of a super-block: f16 d, 12 bytes of scales, one for
// 16 elements, and the third bits of each block.
@group(0) @binding(8) var<storage, read> weights: array<vec2<u32>>;
@group(0) @binding(9) var<storage, read> scales: array<u32>;

fn code(word: u32, first: u32, third: u32, bit: u32) -> vec4<f32> {
  return vec4<f32>(two_bits(word, first) | (bits(third, bit) << vec4<u32>(2u))) - 4.0;
}

// Scale i of 16: the lower 4 bits in the nibbles of bytes 0 to 7, the upper 2 in bytes 8 to 11 (ggml's packing).
fn scale_at(at: u32, i: u32) -> f32 {
  let low = (scales[at + i % 8u / 4u] >> (8u * (i % 4u) + 4u * (i / 8u))) & 15u;
  let high = (scales[at + 2u] >> (8u * (i % 4u) + 2u * (i / 4u))) & 3u;
  return f32(low | (high << 4u)) - 32.0;
}

// The 32 weights of a block of a row, in a stack of matrices of `rows` rows of `blocks` blocks.
fn load_block(matrix: u32, row: u32, block: u32, rows: u32, blocks: u32) -> Block {
  let at = (matrix * rows + row) * blocks + block;
  let super_block = at / 8u * 12u;
  let b = at % 8u;
  let scale = half(scales[super_block], 0u) * vec2<f32>(scale_at(super_block + 1u, 2u * b), scale_at(super_block + 1u, 2u * b + 1u));
  let third = scales[super_block + 4u + b];
  let v = weights[at];
  return Block(
    scale.x * code(v.x, 0u, third, 0u),
    scale.x * code(v.x, 4u, third, 4u),
    scale.x * code(v.x, 8u, third, 8u),
    scale.x * code(v.x, 12u, third, 12u),
    scale.y * code(v.y, 0u, third, 16u),
    scale.y * code(v.y, 4u, third, 20u),
    scale.y * code(v.y, 8u, third, 24u),
    scale.y * code(v.y, 12u, third, 28u),
  );
}
