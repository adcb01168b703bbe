//! MD5 of up to sixteen files side by side, one file to a vector lane.
//!
//! MD5 is one chain of additions and rotations, and no processor has instructions for it: a core that does SHA-1 and SHA-256 together at more than a gigabyte a second does MD5
//! at half of that. Sixteen chains at once in 512-bit registers (two times eight in 256-bit ones) take hardly longer than one. The lanes need not belong together: each
//! has its own input, and a lane whose file ends is given another at the next call. Padding is the business of the caller; lanes see whole blocks only.

#[cfg(target_arch = "x86_64")]
mod x86;

/// How many files go side by side.
pub const LANES: usize = 16;

const START: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

/// The state of all lanes: word by word, each word of all lanes together.
type States = [[u32; LANES]; 4];

/// What the processor offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// One lane after the other.
    Scalar,
    /// Two times eight lanes (x86-64).
    Avx2,
    /// Sixteen lanes (x86-64).
    Avx512,
}

impl Level {
    /// The best that this processor has.
    pub fn best() -> Level {
        if Level::Avx512.available() {
            Level::Avx512
        } else if Level::Avx2.available() {
            Level::Avx2
        } else {
            Level::Scalar
        }
    }

    /// Whether this processor has it.
    pub fn available(self) -> bool {
        match self {
            Level::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => x86::avx2(),
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => x86::avx512(),
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// With fewer lanes in use than this, one after the other is quicker.
    fn pays_from(self) -> usize {
        match self {
            Level::Scalar => usize::MAX,
            Level::Avx2 => 3,
            Level::Avx512 => 2,
        }
    }
}

/// Sixteen MD5 computations.
#[derive(Debug, Clone)]
pub struct Lanes {
    states: States,
    level: Level,
}

impl Lanes {
    /// Lanes that use this level, or the scalar one where the processor has it not.
    pub fn new(level: Level) -> Lanes {
        let level = if level.available() {
            level
        } else {
            Level::Scalar
        };
        Lanes {
            states: START.map(|word| [word; LANES]),
            level,
        }
    }

    /// Begins a new file on a lane.
    pub fn start(&mut self, lane: usize) {
        self.set(lane, START);
    }

    /// The digest of the blocks that a lane has taken.
    pub fn digest(&self, lane: usize) -> [u8; 16] {
        let mut out = [0; 16];
        let (chunks, _) = out.as_chunks_mut::<4>();
        for (to, word) in chunks.iter_mut().zip(self.get(lane)) {
            *to = word.to_le_bytes();
        }
        out
    }

    /// Takes as many blocks into each lane in use as the shortest of the inputs has; gives that number.
    pub fn run(&mut self, inputs: &[Option<&[[u8; 64]]>; LANES]) -> usize {
        let used = || inputs.iter().flatten();
        let Some(blocks) = used().map(|input| input.len()).min() else {
            return 0;
        };
        if used().count() >= self.level.pays_from() && self.together(inputs, blocks) {
            return blocks;
        }
        for (lane, input) in inputs.iter().enumerate() {
            if let Some(input) = input.and_then(|input| input.get(..blocks)) {
                let mut state = self.get(lane);
                ::md5::block_api::compress(&mut state, input);
                self.set(lane, state);
            }
        }
        blocks
    }

    #[cfg(target_arch = "x86_64")]
    fn together(&mut self, inputs: &[Option<&[[u8; 64]]>; LANES], blocks: usize) -> bool {
        // A lane that is not in use works on the input of another; its result is never looked at.
        let Some(any) = inputs.iter().flatten().next() else {
            return false;
        };
        let inputs = inputs.map(|input| input.unwrap_or(any));
        match self.level {
            Level::Avx512 => x86::run16(&mut self.states, &inputs, blocks),
            Level::Avx2 => x86::run8(&mut self.states, &inputs, blocks),
            Level::Scalar => false,
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn together(&mut self, _: &[Option<&[[u8; 64]]>; LANES], _: usize) -> bool {
        false
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "a lane is brought below the number of lanes, a word is one of four"
    )]
    fn get(&self, lane: usize) -> [u32; 4] {
        let lane = lane % LANES;
        [0, 1, 2, 3].map(|word: usize| self.states[word][lane])
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "a lane is brought below the number of lanes"
    )]
    fn set(&mut self, lane: usize, state: [u32; 4]) {
        for (words, word) in self.states.iter_mut().zip(state) {
            words[lane % LANES] = word;
        }
    }
}
