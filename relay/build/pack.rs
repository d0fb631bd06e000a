//! Writes the assets to `OUT_DIR`, plain and compressed, with the table that embeds them.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use brotli::enc::BrotliEncoderParams;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::Outcome;
use super::site::{Asset, Site};

/// Writes `site/…` and `assets.rs`, which `src/http/assets.rs` includes.
pub(super) fn write(site: &Site, out: &Path) -> Outcome<()> {
    let folder = out.join("site");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let mut table = format!("const BUILD: &str = {:?};\n", site.build);
    table.push_str("static ASSETS: &[Asset] = &[\n");
    for (number, asset) in site.assets.iter().enumerate() {
        let Asset {
            path,
            content_type,
            hash,
            bytes,
        } = asset;
        writeln!(
            table,
            "    Asset {{ path: {path:?}, content_type: {content_type:?}, forms: &["
        )?;
        // In the order in which the room prefers them: the last most.
        for (coding, packed) in [
            ("identity", bytes.clone()),
            ("gzip", gzip(bytes)?),
            ("br", brotli(bytes)?),
        ] {
            if coding != "identity" && packed.len() >= bytes.len() {
                continue;
            }
            let file = format!("{number}.{coding}");
            fs::write(folder.join(&file), packed)?;
            writeln!(
                table,
                "        Form {{ coding: {coding:?}, etag: \"\\\"{hash}-{coding}\\\"\", \
                 bytes: include_bytes!(\"site/{file}\") }},"
            )?;
        }
        table.push_str("    ] },\n");
    }
    table.push_str("];\n");
    fs::write(out.join("assets.rs"), table)?;
    Ok(())
}

fn brotli(mut plain: &[u8]) -> std::io::Result<Vec<u8>> {
    // The best quality, and the widest window that every browser reads.
    let params = BrotliEncoderParams {
        quality: 11,
        lgwin: 24,
        size_hint: plain.len(),
        ..Default::default()
    };
    let mut packed = Vec::new();
    brotli::BrotliCompress(&mut plain, &mut packed, &params)?;
    Ok(packed)
}

fn gzip(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(plain)?;
    packed.finish()
}
