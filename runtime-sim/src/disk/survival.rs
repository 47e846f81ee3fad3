//! What of the unsynced a power loss leaves.

use crate::draw::{Stream, WorldSeed};

/// Decides for each unsynced sector, length and name whether it survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Survival {
    /// Decides where the profile leaves it open.
    pub seed: WorldSeed,
    /// The shape of the loss.
    pub profile: Profile,
}

/// What power losses have taken, counted: a loss that took nothing has tested nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Unsynced sectors that are not as they were written last.
    pub sectors_lost: u64,
    /// Unsynced sectors that are.
    pub sectors_kept: u64,
    /// Files of whose unsynced sectors some are and some are not.
    pub files_torn: u64,
    /// Files whose length is not the one that they had last.
    pub lengths_lost: u64,
    /// Files that have a later sector and lack an earlier one.
    pub files_reordered: u64,
    /// Unsynced changes of names that are not left.
    pub names_lost: u64,
    /// Those that are.
    pub names_kept: u64,
}

impl Losses {
    /// Adds up others.
    pub const fn add(&mut self, other: Self) {
        self.sectors_lost += other.sectors_lost;
        self.sectors_kept += other.sectors_kept;
        self.files_torn += other.files_torn;
        self.lengths_lost += other.lengths_lost;
        self.files_reordered += other.files_reordered;
        self.names_lost += other.names_lost;
        self.names_kept += other.names_kept;
    }
}

/// The shape of a loss. The extremes find most of what there is to find, the drawn ones the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Only what was synced is there.
    Nothing,
    /// All that was written is there: as after a mere crash of the process.
    Everything,
    /// Each sector, length and name survives this often.
    Drawn {
        /// Times out of a million.
        per_million: u32,
    },
    /// Names and lengths survive, the bytes do not: files full of zeros.
    LengthsOnly,
    /// Bytes and lengths survive, names do not.
    DataOnly,
    /// Names survive, bytes and lengths do not: files that are empty.
    NamesOnly,
}

impl Profile {
    /// Profiles that together try each extreme and three mixtures.
    pub const ALL: [Self; 8] = [
        Self::Nothing,
        Self::Everything,
        Self::Drawn { per_million: 500_000 },
        Self::LengthsOnly,
        Self::DataOnly,
        Self::NamesOnly,
        Self::Drawn { per_million: 900_000 },
        Self::Drawn { per_million: 100_000 },
    ];
}

impl Survival {
    /// How many of `count` successive writes to a sector are left.
    pub(crate) fn sector(&self, file: u64, sector: u64, count: usize) -> usize {
        match self.profile {
            Profile::Nothing | Profile::LengthsOnly | Profile::NamesOnly => 0,
            Profile::Everything | Profile::DataOnly => count,
            Profile::Drawn { per_million } => self.prefix(Stream::SurviveSector, &[file, sector], per_million, count),
        }
    }

    /// How many of `count` successive lengths of a file are left behind.
    pub(crate) fn length(&self, file: u64, count: usize) -> usize {
        match self.profile {
            Profile::Nothing | Profile::NamesOnly => 0,
            Profile::Everything | Profile::LengthsOnly | Profile::DataOnly => count,
            Profile::Drawn { per_million } => self.prefix(Stream::SurviveLength, &[file], per_million, count),
        }
    }

    /// Whether a change of a name is left.
    pub(crate) fn name(&self, cause: &[u64]) -> bool {
        match self.profile {
            Profile::Nothing | Profile::DataOnly => false,
            Profile::Everything | Profile::LengthsOnly | Profile::NamesOnly => true,
            Profile::Drawn { per_million } => self.seed.draw(Stream::SurviveName, cause).chance(per_million),
        }
    }

    fn prefix(&self, stream: Stream, cause: &[u64], per_million: u32, count: usize) -> usize {
        let draw = self.seed.draw(stream, cause);
        if !draw.chance(per_million) {
            return 0;
        }
        // A second, independent reading of the same cause says how far it came; all of it half of the time.
        let depth = WorldSeed(draw.0).draw(stream, cause);
        match depth.chance(500_000) {
            true => count,
            false => depth.0 as usize % (count + 1),
        }
    }
}
