//! Vectors of `f32`, and the instruction set that they run on.
//!
//! A kernel is a struct of its arguments that implements [`Kernel`]: its loop is written once, over [`Simd`], and
//! [`dispatch`] runs the copy compiled for the instruction set at hand. `RAREFY_ISA=portable|avx2|avx512` forces one.

mod portable;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(target_arch = "x86_64")]
mod x86;

pub(crate) use portable::Portable;

use std::sync::atomic::{AtomicU8, Ordering};

/// An instruction set for which the kernels are compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Isa {
    /// What every processor of the target has.
    Portable = 1,
    /// 256-bit vectors with fused multiply-add.
    Avx2 = 2,
    /// 512-bit vectors (AVX-512 F).
    Avx512 = 3,
}

impl Isa {
    /// All instruction sets, the plainest first.
    pub const ALL: [Isa; 3] = [Isa::Portable, Isa::Avx2, Isa::Avx512];

    /// The name that `RAREFY_ISA` uses.
    pub fn name(self) -> &'static str {
        match self {
            Isa::Portable => "portable",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
        }
    }

    /// Floats in a vector.
    pub fn lanes(self) -> usize {
        match self {
            Isa::Portable | Isa::Avx2 => 8,
            Isa::Avx512 => 16,
        }
    }

    /// Whether this processor has it.
    pub fn available(self) -> bool {
        match self {
            Isa::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => Isa::Avx2.available() && is_x86_feature_detected!("avx512f"),
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }
}

static CHOSEN: AtomicU8 = AtomicU8::new(0);

/// The instruction set in use: forced by [`set_isa`] or `RAREFY_ISA`, otherwise the widest that the processor has.
///
/// A value of `RAREFY_ISA` that is unknown, or that the processor lacks, falls back to the widest; [`isa_from_env`]
/// tells a program so, to complain.
pub fn isa() -> Isa {
    match CHOSEN.load(Ordering::Relaxed) {
        1 => Isa::Portable,
        2 => Isa::Avx2,
        3 => Isa::Avx512,
        _ => {
            let isa = isa_from_env().ok().flatten().unwrap_or_else(widest);
            CHOSEN.store(isa as u8, Ordering::Relaxed);
            isa
        }
    }
}

fn widest() -> Isa {
    Isa::ALL.into_iter().rev().find(|i| i.available()).unwrap_or(Isa::Portable)
}

/// What `RAREFY_ISA` asks for, if it is set.
///
/// # Errors
/// [`Error::Parameter`](crate::Error::Parameter) when the name is unknown or the processor lacks that instruction set.
pub fn isa_from_env() -> crate::Result<Option<Isa>> {
    let Some(found) = std::env::var_os("RAREFY_ISA") else { return Ok(None) };
    let found = found.to_string_lossy().into_owned();
    match Isa::ALL.into_iter().find(|i| i.name() == found && i.available()) {
        Some(isa) => Ok(Some(isa)),
        None => Err(crate::Error::Parameter {
            name: "RAREFY_ISA",
            found,
            expected: "portable, avx2 or avx512, and one that this processor has",
        }),
    }
}

/// Forces an instruction set for the whole process; returns false, and changes nothing, if the processor lacks it.
pub fn set_isa(isa: Isa) -> bool {
    if isa.available() {
        CHOSEN.store(isa as u8, Ordering::Relaxed);
    }
    isa.available()
}

/// A vector of `LANES` floats and what kernels do with it.
///
/// # Safety
/// Every method runs only where the instruction set is present: inside [`dispatch`]. Pointers given to loads and stores are
/// valid for the lanes touched; no alignment is needed.
pub(crate) unsafe trait Simd: Copy {
    /// Lanes of a vector: 8 or 16.
    const LANES: usize;
    /// The vector.
    type V: Copy;
    /// Zero in every lane.
    unsafe fn zero() -> Self::V;
    /// `x` in every lane.
    unsafe fn splat(x: f32) -> Self::V;
    /// `LANES` floats from `p`.
    unsafe fn load(p: *const f32) -> Self::V;
    /// `n ≤ LANES` floats from `p`, zero beyond.
    unsafe fn load_part(p: *const f32, n: usize) -> Self::V;
    /// Asks for the cache line at `p`, which need not be valid.
    unsafe fn prefetch(p: *const f32);
    /// `LANES` bytes from `p`, as floats.
    unsafe fn load_bytes(p: *const u8) -> Self::V;
    /// `LANES` floats to `p`.
    unsafe fn store(p: *mut f32, v: Self::V);
    /// The first `n ≤ LANES` floats to `p`.
    unsafe fn store_part(p: *mut f32, v: Self::V, n: usize);
    /// `a + b`
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    /// `a − b`
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V;
    /// `a · b`
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V;
    /// `a / b`
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V;
    /// `a · b + c`; rounded once where the instruction set can.
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// [`fma`](Simd::fma) of single floats, rounded as in a vector.
    unsafe fn fma_one(a: f32, b: f32, c: f32) -> f32;
    /// The larger, lane by lane; `b` where either is not a number.
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V;
    /// The smaller, lane by lane; `b` where either is not a number.
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V;
    /// `√a`
    unsafe fn sqrt(a: Self::V) -> Self::V;
    /// `yes` where `a > 0`, else `no`.
    unsafe fn if_positive(a: Self::V, yes: Self::V, no: Self::V) -> Self::V;
    /// `2ⁿ` for whole `n` in −126..=127.
    unsafe fn exp2_whole(n: Self::V) -> Self::V;
    /// `a` rounded to the nearest whole number, ties to even.
    unsafe fn round(a: Self::V) -> Self::V;
    /// The sum of all lanes, always added in the same order.
    unsafe fn sum(a: Self::V) -> f32;
    /// Lane `i` of the result is the sum of vector `i`, for the first `LANES` vectors.
    unsafe fn sums(vectors: &[Self::V; 16]) -> Self::V;
    /// Lane `i` of vector `j` becomes lane `j` of vector `i`, for the first `LANES` vectors.
    unsafe fn transpose(vectors: &mut [Self::V; 16]);
}

/// Returns `k`; the compiler does not see that. A loop whose counter went through here is not unrolled: of loops that run a random
/// 5 to 50 times, unrolled ones lose more to the mispredicted odd round than they gain (a quarter of the forward pass's time).
#[inline(always)]
pub(crate) fn hidden(k: usize) -> usize {
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    {
        let hidden: usize;
        // SAFETY: no instruction at all: the value stays where it is.
        unsafe {
            std::arch::asm!("/* {0} */", inlateout(reg) k => hidden, options(pure, nomem, nostack, preserves_flags));
        }
        hidden
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    k
}

/// A loop written once over [`Simd`], as a struct of its arguments.
pub(crate) trait Kernel {
    /// What the loop returns.
    type Output;
    /// The loop. Mark it `#[inline(always)]`, and all that it calls.
    ///
    /// # Safety
    /// The processor has the instruction set of `S`.
    unsafe fn run<S: Simd>(self) -> Self::Output;
}

/// Runs `kernel` on the instruction set in use.
pub(crate) fn dispatch<K: Kernel>(kernel: K) -> K::Output {
    match isa() {
        // SAFETY: needs nothing of the processor.
        Isa::Portable => unsafe { kernel.run::<Portable>() },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `isa` returns only what the processor has.
        Isa::Avx2 => unsafe { x86::run_avx2(kernel) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Isa::Avx512 => unsafe { x86::run_avx512(kernel) },
        #[cfg(not(target_arch = "x86_64"))]
        // SAFETY: needs nothing of the processor.
        _ => unsafe { kernel.run::<Portable>() },
    }
}
