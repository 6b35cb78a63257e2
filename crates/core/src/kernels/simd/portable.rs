//! Vectors as arrays: what any compiler can turn into the vectors of its target.

use super::Simd;

/// Eight lanes in an array.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

type V = [f32; 8];

#[inline(always)]
fn map(a: V, f: impl Fn(f32) -> f32) -> V {
    std::array::from_fn(|i| f(a[i]))
}

#[inline(always)]
fn zip(a: V, b: V, f: impl Fn(f32, f32) -> f32) -> V {
    std::array::from_fn(|i| f(a[i], b[i]))
}

// SAFETY: uses no special instruction; loads and stores touch exactly the lanes promised.
unsafe impl Simd for Portable {
    const LANES: usize = 8;
    type V = V;
    #[inline(always)]
    unsafe fn zero() -> V {
        [0.0; 8]
    }
    #[inline(always)]
    unsafe fn splat(x: f32) -> V {
        [x; 8]
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> V {
        // SAFETY: valid for 8 floats by the trait's contract.
        unsafe { p.cast::<V>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn load_part(p: *const f32, n: usize) -> V {
        // SAFETY: valid for `n` floats by the trait's contract.
        std::array::from_fn(|i| if i < n { unsafe { *p.add(i) } } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn prefetch(_: *const f32) {}
    #[inline(always)]
    unsafe fn load_bytes(p: *const u8) -> V {
        // SAFETY: valid for 8 bytes by the trait's contract.
        std::array::from_fn(|i| f32::from(unsafe { *p.add(i) }))
    }
    #[inline(always)]
    unsafe fn store(p: *mut f32, v: V) {
        // SAFETY: valid for 8 floats by the trait's contract.
        unsafe { p.cast::<V>().write_unaligned(v) }
    }
    #[inline(always)]
    unsafe fn store_part(p: *mut f32, v: V, n: usize) {
        for (i, x) in v.into_iter().enumerate().take(n) {
            // SAFETY: valid for `n` floats by the trait's contract.
            unsafe { *p.add(i) = x }
        }
    }
    #[inline(always)]
    unsafe fn add(a: V, b: V) -> V {
        zip(a, b, |x, y| x + y)
    }
    #[inline(always)]
    unsafe fn sub(a: V, b: V) -> V {
        zip(a, b, |x, y| x - y)
    }
    #[inline(always)]
    unsafe fn mul(a: V, b: V) -> V {
        zip(a, b, |x, y| x * y)
    }
    #[inline(always)]
    unsafe fn div(a: V, b: V) -> V {
        zip(a, b, |x, y| x / y)
    }
    #[inline(always)]
    unsafe fn fma(a: V, b: V, c: V) -> V {
        std::array::from_fn(|i| a[i] * b[i] + c[i])
    }
    #[inline(always)]
    unsafe fn fma_one(a: f32, b: f32, c: f32) -> f32 {
        a * b + c
    }
    #[inline(always)]
    unsafe fn max(a: V, b: V) -> V {
        zip(a, b, |x, y| if x > y { x } else { y })
    }
    #[inline(always)]
    unsafe fn min(a: V, b: V) -> V {
        zip(a, b, |x, y| if x < y { x } else { y })
    }
    #[inline(always)]
    unsafe fn sqrt(a: V) -> V {
        map(a, f32::sqrt)
    }
    #[inline(always)]
    unsafe fn if_positive(a: V, yes: V, no: V) -> V {
        std::array::from_fn(|i| if a[i] > 0.0 { yes[i] } else { no[i] })
    }
    #[inline(always)]
    unsafe fn exp2_whole(n: V) -> V {
        map(n, |x| f32::from_bits(((x as i32 + 127) << 23) as u32))
    }
    #[inline(always)]
    unsafe fn round(a: V) -> V {
        map(a, f32::round_ties_even)
    }
    #[inline(always)]
    unsafe fn sum(a: V) -> f32 {
        ((a[0] + a[4]) + (a[2] + a[6])) + ((a[1] + a[5]) + (a[3] + a[7]))
    }
    #[inline(always)]
    unsafe fn sums(vectors: &[V; 16]) -> V {
        // SAFETY: needs nothing of the processor.
        std::array::from_fn(|i| unsafe { Self::sum(vectors[i]) })
    }
    #[inline(always)]
    unsafe fn transpose(vectors: &mut [V; 16]) {
        let old = *vectors;
        for (i, v) in vectors.iter_mut().take(8).enumerate() {
            *v = std::array::from_fn(|j| old[j][i]);
        }
    }
}
