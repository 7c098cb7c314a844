// fp8 e4m3 (1 sign, 4 exponent, 3 mantissa bits): a block is 2 words of 16 codes; one f32 scale for a 128 x 128 tile.
@group(0) @binding(8) var<storage, read> weights: array<vec4<u32>>;
@group(0) @binding(9) var<storage, read> scales: array<u32>;  // f32 bits, tiles of each matrix row by row

// The 4 codes of a word. A subnormal (exponent 0) is mantissa * 2^-9; it is not made by way of f32 subnormals,
// which a GPU may flush to zero.
fn decode(word: u32) -> vec4<f32> {
  let code = vec4<u32>(word, word >> 8u, word >> 16u, word >> 24u) & vec4<u32>(0xffu);
  let magnitude = code & vec4<u32>(0x7fu);
  let normal = bitcast<vec4<f32>>((magnitude << vec4<u32>(20u)) + vec4<u32>(120u << 23u));
  let subnormal = vec4<f32>(magnitude) * 0.001953125;
  let value = select(normal, subnormal, magnitude < vec4<u32>(8u));
  return select(value, -value, code >= vec4<u32>(128u));
}

// The 32 weights of a block of a row, in a stack of matrices of `rows` rows of `blocks` blocks.
fn load_block(matrix: u32, row: u32, block: u32, rows: u32, blocks: u32) -> Block {
  let at = ((matrix * rows + row) * blocks + block) * 2u;
  let tile = (matrix * ((rows + 127u) / 128u) + row / 128u) * ((blocks + 3u) / 4u) + block / 4u;
  let scale = bitcast<f32>(scales[tile]);
  let v = weights[at];
  let w = weights[at + 1u];
  return Block(
    scale * decode(v.x), scale * decode(v.y), scale * decode(v.z), scale * decode(v.w),
    scale * decode(w.x), scale * decode(w.y), scale * decode(w.z), scale * decode(w.w),
  );
}
