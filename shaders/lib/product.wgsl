// The product of a matrix with up to 8 vectors in a workgroup of THREADS. LANES neighbouring threads share one or two bands of
// ROWS rows, each taking every LANES-th block of 32 weights; a block is dequantised once for all BATCH vectors, and what is read of
// a vector serves all rows. How a band lies, band_1.wgsl to band_4.wgsl say; how a block is kept and multiplied, rows_float.wgsl or
// rows_int8.wgsl. With NORM, vectors are RMS-normalised on the way: x * norm / rms(x), the sum of squares from the same loop. A kernel says where vectors begin (start), what is made of a vector's sums (finish), and, for write_band, of one (write).
//
// A vector's sums are made in the same order whatever BATCH, ROWS and BANDS are.
const ROW_STEP: u32 = THREADS / LANES;    // from row to row of a band
const BAND: u32 = ROW_STEP * ROWS;        // rows of a workgroup in a band

// A workgroup's share: the vectors from `first` on, and the rows from `row` on.
struct Share {
  first: u32,
  row: u32,
}

// What a thread has of a vector: the sums of its bands, and of squares. Without a second band, high stays empty.
struct Sum {
  low: Dots,
  high: Dots,
  square: f32,
}

// The sums of all vectors. Named fields: what is indexed by a variable is kept in memory, and spills.
struct Sums {
  a: Sum,
  b: Sum,
  c: Sum,
  d: Sum,
  e: Sum,
  f: Sum,
  g: Sum,
  h: Sum,
}

// The same block of a thread's bands. Rows beyond the matrix read its last one: their results are dropped.
struct Rows {
  low: Band,
  high: Band,
}

fn add(sum: Sum, w: Rows, at: u32, k: u32, left: u32) -> Sum {
  let v = x_block(at + k, left);
  let x = factor(normed(v, k, left));
  var out = sum;
  if (NORM) {
    out.square += dot_block(v, v);
  }
  out.low = dot_band(sum.low, w.low, x);
  if (BANDS > 1u) {
    out.high = dot_band(sum.high, w.high, x);
  }
  return out;
}

// The bands from low and high on of a matrix in a stack, of `width` columns, times the vectors of a share.
fn product(matrix: u32, low: u32, high: u32, rows: u32, width: u32, share: Share, thread: u32) -> Sums {
  let blocks = (width + 31u) / 32u;
  var first = vec4<u32>(start(share, 0u));
  var second = vec4<u32>(0u);
  if (BATCH > 1u) {
    first.y = start(share, 1u);
  }
  if (BATCH > 2u) {
    first.z = start(share, 2u);
    first.w = start(share, 3u);
  }
  if (BATCH > 4u) {
    second = vec4<u32>(start(share, 4u), start(share, 5u), start(share, 6u), start(share, 7u));
  }
  var sums: Sums;
  // A bound that hangs on uniforms alone would have lavapipe compile the loop unrolled, anew in every dispatch, and keep each.
  let end = min(blocks, min(arrayLength(&y), 65535u) << 16u);
  for (var block = thread % LANES; block < end; block += LANES) {
    var w: Rows;
    w.low = load_band(matrix, low, block, rows, blocks);
    if (BANDS > 1u) {
      w.high = load_band(matrix, high, block, rows, blocks);
    }
    let k = 32u * block;
    let left = width - k;
    sums.a = add(sums.a, w, first.x, k, left);
    if (BATCH > 1u) {
      sums.b = add(sums.b, w, first.y, k, left);
    }
    if (BATCH > 2u) {
      sums.c = add(sums.c, w, first.z, k, left);
      sums.d = add(sums.d, w, first.w, k, left);
    }
    if (BATCH > 4u) {
      sums.e = add(sums.e, w, second.x, k, left);
      sums.f = add(sums.f, w, second.y, k, left);
      sums.g = add(sums.g, w, second.z, k, left);
      sums.h = add(sums.h, w, second.w, k, left);
    }
  }
  return sums;
}

fn normalised(sum: Sum) -> Sum {
  if (NORM) {
    return Sum(sum.low / rms(sum.square), sum.high / rms(sum.square), 0.0);
  }
  return sum;
}

// Every vector's sums over the lanes go to finish.
fn finish_all(share: Share, sums: Sums, thread: u32) {
  hand_over(share, 0u, sums.a, thread);
  if (BATCH > 1u) {
    hand_over(share, 1u, sums.b, thread);
  }
  if (BATCH > 2u) {
    hand_over(share, 2u, sums.c, thread);
    hand_over(share, 3u, sums.d, thread);
  }
  if (BATCH > 4u) {
    hand_over(share, 4u, sums.e, thread);
    hand_over(share, 5u, sums.f, thread);
    hand_over(share, 6u, sums.g, thread);
    hand_over(share, 7u, sums.h, thread);
  }
  meet(share, thread);
}
