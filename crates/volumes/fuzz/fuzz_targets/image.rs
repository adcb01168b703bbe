//! Any bytes as a disk image: opened, every volume listed, every file read for a while.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use volumes::image::open_source;

fuzz_target!(|bytes: &[u8]| {
    let Ok(image) = open_source(Arc::new(bytes.to_vec()), Path::new("/nowhere/image.E01")) else {
        return;
    };
    for volume in image.volumes().iter().take(8) {
        let Ok(mut system) = image.file_system(volume) else {
            continue;
        };
        let mut all = Vec::new();
        let listed = system.entries(&mut |entry| {
            assert!(entry.paths.iter().all(|path| path.starts_with(b"/")));
            all.push((entry.id, entry.streams));
            if all.len() < 2000 {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        drop(listed);
        for (id, streams) in all.iter().take(100) {
            for name in
                std::iter::once(&b""[..]).chain(streams.iter().map(|stream| &stream.name[..]))
            {
                if let Ok(content) = system.open_stream(*id, name) {
                    let mut content = content.take(100_000);
                    let mut bytes = Vec::new();
                    drop(content.read_to_end(&mut bytes));
                }
            }
        }
    }
});
