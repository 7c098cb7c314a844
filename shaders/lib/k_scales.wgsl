// The 6-bit scale and minimum of block b of the 8 of a super-block, of the 4 words that begin at `at`: f16 d, f16 dmin, and 12
// bytes in ggml's packing: the first four lie in the lower 6 bits of bytes 0 to 7, the others in the nibbles of bytes 8 to 11 and
// the upper 2 bits of those. Scale, and what is subtracted.
fn scale_and_least(at: u32, b: u32) -> vec2<f32> {
  let d = unpack2x16float(scales[at]);
  let shift = 8u * (b % 4u);
  let first = scales[at + 1u] >> shift;
  let second = scales[at + 2u] >> shift;
  if (b < 4u) {
    return d * vec2<f32>(f32(first & 63u), f32(second & 63u));
  }
  let third = scales[at + 3u] >> shift;
  return d * vec2<f32>(f32((third & 15u) | (((first >> 6u) & 3u) << 4u)), f32(((third >> 4u) & 15u) | (((second >> 6u) & 3u) << 4u)));
}
