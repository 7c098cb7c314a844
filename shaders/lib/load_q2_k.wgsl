// q2_k: 2 bits * (d * scale) - dmin * min; 5 words among the scales for the 8 blocks of a super-block: f16 d and dmin, then a byte
// for 16 elements: scale (low nibble) and min (high).
@group(0) @binding(8) var<storage, read> weights: array<vec2<u32>>;
@group(0) @binding(9) var<storage, read> scales: array<u32>;

// The 32 weights of a block of a row, in a stack of matrices of `rows` rows of `blocks` blocks.
fn load_block(matrix: u32, row: u32, block: u32, rows: u32, blocks: u32) -> Block {
  let at = (matrix * rows + row) * blocks + block;
  let super_block = at / 8u * 5u;
  let b = at % 8u;
  let d = unpack2x16float(scales[super_block]);
  let both = scales[super_block + 1u + b / 2u] >> (16u * (b % 2u));
  let scale = d.x * vec2<f32>(f32(both & 15u), f32((both >> 8u) & 15u));
  let least = d.y * vec2<f32>(f32((both >> 4u) & 15u), f32((both >> 12u) & 15u));
  let v = weights[at];
  return Block(
    scale.x * vec4<f32>(two_bits(v.x, 0u)) - least.x,
    scale.x * vec4<f32>(two_bits(v.x, 4u)) - least.x,
    scale.x * vec4<f32>(two_bits(v.x, 8u)) - least.x,
    scale.x * vec4<f32>(two_bits(v.x, 12u)) - least.x,
    scale.y * vec4<f32>(two_bits(v.y, 0u)) - least.y,
    scale.y * vec4<f32>(two_bits(v.y, 4u)) - least.y,
    scale.y * vec4<f32>(two_bits(v.y, 8u)) - least.y,
    scale.y * vec4<f32>(two_bits(v.y, 12u)) - least.y,
  );
}
