// Rows of a cache of any width.
@group(0) @binding(3) var<storage, read> cache: array<f32>;

// Four elements from one on, of which so many are there.
fn cached_vec(at: u32, left: u32) -> vec4<f32> {
  var out = vec4<f32>(cache[at], 0.0, 0.0, 0.0);
  if (left > 1u) { out.y = cache[at + 1u]; }
  if (left > 2u) { out.z = cache[at + 2u]; }
  if (left > 3u) { out.w = cache[at + 3u]; }
  return out;
}
