//! Capacity of a memory module, from its organisation bytes.

use super::module::Kind;
use crate::error::VpdError;

const KIB_PER_GIB: u64 = 1 << 20;
const KIB_PER_MIB: u64 = 1 << 10;

/// Bytes that the capacity of a kind of module depends on.
pub(crate) const fn bytes_used(kind: Kind) -> &'static [usize] {
    match kind {
        Kind::Ddr4Ddimm | Kind::Ddr4Isdimm => &[4, 6, 12, 13],
        Kind::Ddr5Ddimm | Kind::Ddr5Isdimm => &[4, 6, 234, 235],
    }
}

/// Capacity in KiB.
///
/// `byte` gives the SPD byte at an offset. Errors: [`VpdError::ReservedValue`] names the first field whose
/// value the standard does not define; [`VpdError::RanksDiffer`].
///
/// Sources: JEDEC 21-C annex L, bytes 4, 6, 12 and 13; JESD400-5, bytes 4, 6, 234 and 235.
pub(crate) fn capacity_kb(kind: Kind, byte: impl Fn(usize) -> u8) -> Result<u64, VpdError> {
    match kind {
        Kind::Ddr4Ddimm | Kind::Ddr4Isdimm => ddr4(byte),
        Kind::Ddr5Ddimm => ddr5_ddimm(byte),
        Kind::Ddr5Isdimm => ddr5_isdimm(byte),
    }
}

fn reserved<T>(what: &'static str, offset: usize, found: u8) -> Result<T, VpdError> {
    Err(VpdError::ReservedValue { what, offset: offset as u32, found })
}

/// Bits `low` and up of a byte, `width` of them.
const fn field(byte: u8, low: u32, width: u32) -> u8 {
    byte.wrapping_shr(low) & 1_u8.wrapping_shl(width).wrapping_sub(1)
}

/// Multiplies what are small powers and counts; cannot saturate for values that the fields can hold.
fn product(factors: &[u64]) -> u64 {
    factors.iter().fold(1, |product, factor| product.saturating_mul(*factor))
}

/// Density per die by code, in MiB: 256 Mbit to 32 Gbit, then 12 and 24 Gbit.
const DDR4_MIB: [u64; 10] = [32, 64, 128, 256, 512, 1024, 2048, 4096, 1536, 3072];

/// Refuses a module whose ranks differ: what the packages of every second rank are stands in bytes that are not evaluated
/// here.
fn check_alike(offset: usize, organisation: u8) -> Result<(), VpdError> {
    if field(organisation, 6, 1) == 0 {
        return Ok(());
    }
    Err(VpdError::RanksDiffer { offset: offset as u32, found: organisation })
}

fn ddr4(byte: impl Fn(usize) -> u8) -> Result<u64, VpdError> {
    let density = usize::from(field(byte(4), 0, 4));
    let Some(mib_per_die) = DDR4_MIB.get(density).copied() else {
        return reserved("density per die", 4, byte(4));
    };
    let bus = field(byte(13), 0, 3);
    if bus > 3 {
        return reserved("bus width", 13, byte(13));
    }
    let (device, rank_code) = (field(byte(12), 0, 3), field(byte(12), 3, 3));
    if device > 3 {
        return reserved("device width", 12, byte(12));
    }
    check_alike(12, byte(12))?;
    let stacked = field(byte(6), 0, 2) == 2;
    let dies = if stacked { u64::from(field(byte(6), 4, 3)).saturating_add(1) } else { 1 };
    let bus_bits = 8_u64.wrapping_shl(u32::from(bus));
    let ranks = u64::from(rank_code).saturating_add(1);
    Ok(per_device(product(&[mib_per_die, bus_bits, ranks, dies, KIB_PER_MIB]), device))
}

fn ddr5_ddimm(byte: impl Fn(usize) -> u8) -> Result<u64, VpdError> {
    let channel = byte(235);
    if !(1..=3).contains(&field(channel, 0, 3)) || !(1..=3).contains(&field(channel, 3, 3)) {
        return reserved("channel width", 235, channel);
    }
    // Two halves per channel: both are populated, or the value was refused above.
    let channels =
        u64::from(field(channel, 6, 1)).saturating_add(u64::from(field(channel, 7, 1))).saturating_mul(2);
    if channels == 0 {
        return reserved("number of channels", 235, channel);
    }
    let ranks = match (field(byte(234), 7, 1), field(channel, 6, 1)) {
        (1, _) => u64::from(field(byte(234), 3, 3)).saturating_add(1),
        (_, 1) => u64::from(field(byte(234), 0, 3)).saturating_add(1),
        _ => return reserved("package ranks", 234, byte(234)),
    };
    let bus_bits = 32;
    let width = ddr5_device_width(&byte)?;
    let package_gbit = ddr5_gbit_per_package(&byte)?;
    Ok(per_device(product(&[channels, bus_bits, package_gbit, ranks, KIB_PER_GIB / 8]), width))
}

fn ddr5_isdimm(byte: impl Fn(usize) -> u8) -> Result<u64, VpdError> {
    let (organisation, channel) = (byte(234), byte(235));
    check_alike(234, organisation)?;
    let bus = field(channel, 0, 3);
    if bus > 3 {
        return reserved("bus width", 235, channel);
    }
    let channels = field(channel, 5, 2);
    if channels > 2 {
        return reserved("number of channels", 235, channel);
    }
    let ranks = u64::from(field(organisation, 3, 3)).saturating_add(1);
    let bus_bits = 8_u64.wrapping_shl(u32::from(bus));
    let channels = 1_u64.wrapping_shl(u32::from(channels));
    let width = ddr5_device_width(&byte)?;
    let package_gbit = ddr5_gbit_per_package(&byte)?;
    Ok(per_device(product(&[channels, bus_bits, package_gbit, ranks, KIB_PER_GIB / 8]), width))
}

/// Density per die by code, in Gbit.
const DDR5_GBIT: [u64; 9] = [0, 4, 8, 12, 16, 24, 32, 48, 64];
/// Dies per package by code.
const DDR5_DIES: [u64; 6] = [1, 2, 2, 4, 8, 16];

fn ddr5_gbit_per_package(byte: &impl Fn(usize) -> u8) -> Result<u64, VpdError> {
    let package = byte(4);
    let gbit = DDR5_GBIT.get(usize::from(field(package, 0, 5))).copied().unwrap_or_default();
    let dies = DDR5_DIES.get(usize::from(field(package, 5, 3))).copied().unwrap_or_default();
    match gbit.saturating_mul(dies) {
        0 => reserved("density per die or dies per package", 4, package),
        product => Ok(product),
    }
}

/// Code of the width of a device.
fn ddr5_device_width(byte: &impl Fn(usize) -> u8) -> Result<u8, VpdError> {
    match field(byte(6), 5, 3) {
        code @ 0..=3 => Ok(code),
        _ => reserved("device width", 6, byte(6)),
    }
}

/// Divides by the width of a device, which is four bits for code 0 and doubles with each code.
const fn per_device(product: u64, width: u8) -> u64 {
    product.wrapping_shr(2_u32.saturating_add(width as u32))
}
