//! Writes members, with their digests, within limits.

use crate::digests::{Digesting, Digests};
use crate::judge::{self, Judged};
use crate::{
    DigestChoice, Folder, Image, LimitError, Member, MemberError, Rejection, Rules, is_out_of_space, remark,
    verify,
};
use image_format::{Manifest, MemberName, names};
use std::collections::BTreeMap;
use std::io::{self, Read, Write as _};

/// How much is read, hashed and written at a time, bytes.
pub(crate) const PIECE: usize = 32 * 1024;
/// How often the file system is asked for its free space, bytes.
const SPACE_INTERVAL: u64 = 8 * 1024 * 1024;
/// Longest signature that is kept for its check, bytes; RSA-4096 has 512.
const SIGNATURE: u64 = 1024;
/// Longest public key that is kept, bytes.
const PUBLIC_KEY: u64 = 16 * 1024;

/// What was written of a member.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) size: u64,
    pub(crate) digests: Digests,
    /// The bytes of a small member that matters for checks.
    pub(crate) content: Option<Vec<u8>>,
}

/// All that there was.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) members: BTreeMap<MemberName, Written>,
    pub(crate) judged: Judged,
}

/// Something of a name.
#[derive(Debug)]
struct Seen {
    name: MemberName,
    kind: SeenKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SeenKind {
    File,
    /// A member of its own.
    Folder,
    /// Made since something lies in it.
    Parent,
}

/// Takes an image's members one by one: writes them into a folder while they are hashed, judges the manifest as soon as it
/// has come, and the signatures at the end.
#[derive(Debug)]
pub struct Receiver<'a, F> {
    folder: &'a mut F,
    rules: &'a Rules,
    digests: DigestChoice,
    buffer: Vec<u8>,
    /// By folded names, as two that differ in case only are one elsewhere.
    seen: BTreeMap<String, Seen>,
    members: BTreeMap<MemberName, Written>,
    judged: Option<Judged>,
    total: u64,
}

impl<'a, F: Folder> Receiver<'a, F> {
    /// Begins with none.
    pub fn new(folder: &'a mut F, rules: &'a Rules, digests: DigestChoice) -> Self {
        Self {
            folder,
            rules,
            digests,
            buffer: vec![0; PIECE],
            seen: BTreeMap::new(),
            members: BTreeMap::new(),
            judged: None,
            total: 0,
        }
    }

    /// Whether so many bytes more find room. Errors: [`Rejection::Busy`].
    pub fn require(&self, bytes: u64) -> Result<(), Rejection> {
        let (free, size) = self.folder.space().map_err(Rejection::Storage)?;
        let kept = self.rules.limits.free.of(size);
        let needed = bytes.saturating_add(kept);
        // What is written already is free again once this has failed.
        let needed_again = needed.saturating_add(self.total);
        if free < needed { Err(Rejection::Busy { needed: needed_again, free, kept }) } else { Ok(()) }
    }

    /// Takes a folder. Errors: [`Rejection`].
    pub fn folder(&mut self, name: MemberName) -> Result<(), Rejection> {
        if name.is_root() {
            return Ok(());
        }
        if name.as_str() == names::MANIFEST {
            return Err(Rejection::ManifestIsFolder);
        }
        self.parents(&name)?;
        match self.seen.get_mut(&name.folded()) {
            Some(seen) if seen.name == name && seen.kind == SeenKind::Parent => {
                seen.kind = SeenKind::Folder;
                Ok(())
            }
            Some(_) => Err(MemberError::Duplicate(name).into()),
            None => self.make_folder(name, SeenKind::Folder),
        }
    }

    /// Takes a file of so many bytes. `explain` says what an error of its reader means.
    ///
    /// Errors: [`Rejection`]; [`Rejection::Truncated`] where there are fewer bytes.
    pub fn file(
        &mut self,
        name: MemberName,
        size: u64,
        content: &mut impl Read,
        explain: impl Fn(io::Error) -> Rejection,
    ) -> Result<(), Rejection> {
        self.check_size(&name, size)?;
        self.parents(&name)?;
        if self.seen.contains_key(&name.folded()) {
            return Err(MemberError::Duplicate(name).into());
        }
        self.see(name.clone(), SeenKind::File)?;
        self.require(size)?;
        let written = self.write(&name, size, content, explain)?;
        if name.as_str() == names::MANIFEST {
            self.judged = Some(self.judge(&written)?);
        }
        self.members.insert(name, written);
        Ok(())
    }

    /// The manifest, once it has come.
    pub fn manifest(&self) -> Option<&Manifest> {
        self.judged.as_ref().map(|judged| &judged.manifest)
    }

    /// Checks the signatures of what has come.
    ///
    /// Errors: [`Rejection`]; what is in the folder then is of no use.
    pub fn finish(self) -> Result<Image, Rejection> {
        let judged = self.judged.ok_or(Rejection::NoManifest)?;
        let received = Received { members: self.members, judged };
        let verification = verify::verify(&received, self.folder, self.rules)?;
        let members = received.members.into_iter().map(|(name, written)| Member {
            name,
            size: written.size,
            sha256: written.digests.sha256,
        });
        let Judged { manifest, purpose, .. } = received.judged;
        let remarks = remark::remarks(&manifest, purpose);
        Ok(Image { members: members.collect(), manifest, purpose, verification, remarks })
    }

    fn check_size(&self, name: &MemberName, size: u64) -> Result<(), LimitError> {
        let limits = &self.rules.limits;
        if size > limits.member {
            return Err(LimitError::Member { name: name.to_string(), limit: limits.member });
        }
        if self.total.saturating_add(size) > limits.extracted {
            return Err(LimitError::Extracted { limit: limits.extracted });
        }
        Ok(())
    }

    /// Makes what a member lies in.
    fn parents(&mut self, name: &MemberName) -> Result<(), Rejection> {
        let Some(parent) = name.parent() else { return Ok(()) };
        match self.seen.get(&parent.folded()) {
            Some(seen) if seen.kind == SeenKind::File => Err(MemberError::BelowFile(name.clone()).into()),
            Some(seen) if seen.name == parent => Ok(()),
            Some(_) => Err(MemberError::Duplicate(parent).into()),
            None => {
                self.parents(&parent)?;
                self.make_folder(parent, SeenKind::Parent)
            }
        }
    }

    fn make_folder(&mut self, name: MemberName, kind: SeenKind) -> Result<(), Rejection> {
        self.see(name.clone(), kind)?;
        self.folder.create_folder(&name).map_err(|error| self.unwritten(error, 0))
    }

    fn see(&mut self, name: MemberName, kind: SeenKind) -> Result<(), LimitError> {
        let limit = self.rules.limits.members;
        if self.seen.len() >= limit {
            return Err(LimitError::Members { limit });
        }
        self.seen.insert(name.folded(), Seen { name, kind });
        Ok(())
    }

    fn write(
        &mut self,
        name: &MemberName,
        size: u64,
        content: &mut impl Read,
        explain: impl Fn(io::Error) -> Rejection,
    ) -> Result<Written, Rejection> {
        let wanted = self.judged.as_ref().and_then(|judged| judged.digest);
        let mut digesting = Digesting::new(self.digests, wanted);
        let mut kept = is_kept(name, size, self.rules).then(Vec::new);
        let mut file = self.folder.create(name).map_err(|error| self.unwritten(error, size))?;
        let (mut left, mut asked) = (size, 0_u64);
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            let count = match content.read(self.buffer.get_mut(..most).unwrap_or_default()) {
                Ok(0) => return Err(Rejection::Truncated),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(explain(error)),
            };
            let piece = self.buffer.get(..count).unwrap_or_default();
            digesting.update(piece);
            if let Some(kept) = &mut kept {
                kept.extend_from_slice(piece);
            }
            file.write_all(piece).map_err(|error| self.unwritten(error, left))?;
            left = left.saturating_sub(count as u64);
            self.total = self.total.saturating_add(count as u64);
            asked = asked.saturating_add(count as u64);
            if asked >= SPACE_INTERVAL {
                asked = 0;
                // Others write too.
                self.require(left)?;
            }
        }
        self.folder.finish(file).map_err(|error| self.unwritten(error, 0))?;
        Ok(Written { size, digests: digesting.finish(), content: kept })
    }

    fn judge(&self, written: &Written) -> Result<Judged, Rejection> {
        // What is not kept is longer than any manifest may be, and an empty one says so itself.
        let content = written.content.as_deref();
        let longest =
            vec![b'\n'; if content.is_none() { self.rules.manifest.bytes.saturating_add(1) } else { 0 }];
        let manifest = Manifest::parse(content.unwrap_or(&longest), &self.rules.manifest)?;
        judge::judge(manifest, self.rules)
    }

    /// What it means that something could not be written.
    fn unwritten(&self, error: io::Error, left: u64) -> Rejection {
        if !is_out_of_space(&error) {
            return Rejection::Storage(error);
        }
        let (free, size) = self.folder.space().unwrap_or_default();
        let kept = self.rules.limits.free.of(size);
        Rejection::Busy { needed: self.total.saturating_add(left).saturating_add(kept), free, kept }
    }
}

fn is_kept(name: &MemberName, size: u64, rules: &Rules) -> bool {
    let limit = match name.as_str() {
        names::MANIFEST => rules.manifest.bytes as u64,
        names::PUBLIC_KEY => PUBLIC_KEY,
        _ if name.is_signature() => SIGNATURE,
        _ => return false,
    };
    size <= limit
}
