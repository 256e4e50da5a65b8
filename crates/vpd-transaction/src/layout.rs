use crate::{Edit, PlanError, Seen, VpdWindow};
use vpd_format::ipz::{AreaReport, TocEntry};
use vpd_format::{
    Content, Ecc, Outcome, Part, ReadAt, ReadError, ReadOptions, VpdError, Wanted, Window, WindowError, Write,
};

/// Header and table of contents of an IPZ image, each with its code, as an [`Edit::Layout`] for a chip whose own cannot be read.
///
/// Errors: [`PlanError::Device`]; [`PlanError::Image`] where the image is not IPZ, or where its header or table of contents had to be
/// corrected itself: only what has a right code is copied.
pub fn layout_of<R: ReadAt>(device: R, window: VpdWindow) -> Result<Edit, PlanError<R::Error>> {
    let mut seen = Seen::new(device);
    let options = ReadOptions { ecc: Ecc::Checked, wanted: Wanted::Records(&[]), ..ReadOptions::default() };
    let vpd = read_image(&mut Window::new(&mut seen, window.offset, window.size), &options, window)?;
    let Content::Ipz(image) = vpd.content else {
        return Err(PlanError::Image(VpdError::UnsupportedFormat { what: "not IPZ" }));
    };
    let mut areas = |part| -> Result<Vec<Write>, PlanError<R::Error>> {
        let mut writes = Vec::with_capacity(2);
        for area in [&image.header, &image.toc] {
            if area.outcome != Outcome::Ok {
                return Err(PlanError::Image(corrected(area)));
            }
            writes.push(read_area(&mut seen, window.offset, &area.entry, part)?);
        }
        Ok(writes)
    };
    Ok(Edit::Layout { data: areas(Part::Data)?, code: areas(Part::Ecc)? })
}

/// Reads an image by the header and the table of contents of an [`Edit::Layout`], as far as the chip's own cannot be read.
///
/// Errors: [`PlanError::Device`], [`PlanError::Image`].
pub fn read_with<R: ReadAt>(
    mut device: R,
    place: VpdWindow,
    options: &ReadOptions<'_>,
    layout: &Edit,
) -> Result<vpd_format::Vpd, PlanError<R::Error>> {
    let read = |layout: Layout<'_>| {
        let window = Window::new(&mut device, place.offset, place.size);
        read_image(&mut Overlaid { inner: window, layout }, options, place)
    };
    with_layout(layout_among(core::slice::from_ref(layout)), read).map(|(vpd, _)| vpd)
}

fn corrected(area: &AreaReport) -> VpdError {
    VpdError::NeededCorrection {
        record: area.entry.name,
        offset: u32::from(area.entry.offset),
        bits: area.correction.bits(),
    }
}

fn read_area<R: ReadAt>(
    seen: &mut Seen<R>,
    offset: u64,
    entry: &TocEntry,
    part: Part,
) -> Result<Write, PlanError<R::Error>> {
    let range = entry.range(part);
    let start = range.start as u64;
    let from = offset.saturating_add(start);
    let bytes = seen.fetch(from..from.saturating_add(range.len() as u64)).map_err(PlanError::Device)?;
    Ok(Write { offset: start, bytes })
}

/// Areas that stand in for those of a chip, header first, with their code.
#[derive(Clone, Copy, Default)]
pub(crate) struct Layout<'a> {
    pub(crate) data: &'a [Write],
    pub(crate) code: &'a [Write],
}

/// The layout among edits; `None` where there is none.
pub(crate) fn layout_among(edits: &[Edit]) -> Option<Layout<'_>> {
    edits.iter().find_map(|edit| match edit {
        Edit::Layout { data, code } => Some(Layout { data, code }),
        _ => None,
    })
}

/// Reads with nothing of a layout, then with its header, then with its table of contents, then with both, until the image can be
/// read. Answers with what was needed: a sound table of contents stays, as it may list records that the layout does not know.
pub(crate) fn with_layout<'a, T, E>(
    layout: Option<Layout<'a>>,
    mut read: impl FnMut(Layout<'_>) -> Result<T, PlanError<E>>,
) -> Result<(T, Layout<'a>), PlanError<E>> {
    let own = match (read(Layout::default()), layout) {
        (Err(PlanError::Image(_)), Some(layout)) => layout,
        (read, _) => return read.map(|read| (read, Layout::default())),
    };
    let header =
        Layout { data: own.data.get(..1).unwrap_or_default(), code: own.code.get(..1).unwrap_or_default() };
    let table =
        Layout { data: own.data.get(1..).unwrap_or_default(), code: own.code.get(1..).unwrap_or_default() };
    for some in [header, table] {
        match read(some) {
            Err(PlanError::Image(_)) => {}
            read => return read.map(|read| (read, some)),
        }
    }
    read(own).map(|read| (read, own))
}

/// Reads an image through its window. By a pointer, or the compiler would make a reader of its own for each kind of source.
pub(crate) fn read_image<E: core::fmt::Debug + core::fmt::Display>(
    mut window: &mut dyn ReadAt<Error = WindowError<E>>,
    options: &ReadOptions<'_>,
    place: VpdWindow,
) -> Result<vpd_format::Vpd, PlanError<E>> {
    vpd_format::read(&mut window, options).map_err(|error| match error {
        ReadError::Device { source: WindowError::Device(error), .. } => PlanError::Device(error),
        // The reader never leaves its window.
        ReadError::Device { offset, length, .. } => PlanError::Image(VpdError::TooShort {
            what: "the window",
            expected: offset.saturating_add(length as u64),
            found: place.size.unwrap_or_default(),
        }),
        ReadError::Format(error) => PlanError::Image(error),
        _ => PlanError::Memory,
    })
}

/// An image with other bytes in some places; offsets count from the start of the VPD.
pub(crate) struct Overlaid<'a, W> {
    pub(crate) inner: W,
    pub(crate) layout: Layout<'a>,
}

impl<W: ReadAt> ReadAt for Overlaid<'_, W> {
    type Error = W::Error;

    fn size(&self) -> u64 {
        self.inner.size()
    }

    fn read_exact_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), Self::Error> {
        self.inner.read_exact_at(offset, buffer)?;
        for write in self.layout.data.iter().chain(self.layout.code) {
            for (at, byte) in (write.offset..).zip(&write.bytes) {
                let place = at.checked_sub(offset).and_then(|place| usize::try_from(place).ok());
                if let Some(found) = place.and_then(|place| buffer.get_mut(place)) {
                    *found = *byte;
                }
            }
        }
        Ok(())
    }
}
