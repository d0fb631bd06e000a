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
        fs::write(folder.join(number.to_string()), &asset.bytes)?;
        let brotli = encoding(asset, "br", number, &folder, brotli)?;
        let gzip = encoding(asset, "gz", number, &folder, gzip)?;
        let Asset {
            path,
            content_type,
            hash,
            ..
        } = asset;
        writeln!(
            table,
            "    Asset {{ path: {path:?}, content_type: {content_type:?}, etag: \"\\\"{hash}\\\"\", \
             plain: include_bytes!(\"site/{number}\"), brotli: {brotli}, gzip: {gzip} }},"
        )?;
    }
    table.push_str("];\n");
    fs::write(out.join("assets.rs"), table)?;
    Ok(())
}

/// A compressed form as an entry of the table; the text `None` where it would not be smaller.
fn encoding(
    asset: &Asset,
    suffix: &str,
    number: usize,
    folder: &Path,
    compress: fn(&[u8]) -> std::io::Result<Vec<u8>>,
) -> Outcome<String> {
    let bytes = compress(&asset.bytes)?;
    if bytes.len() >= asset.bytes.len() {
        return Ok("None".to_owned());
    }
    fs::write(folder.join(format!("{number}.{suffix}")), bytes)?;
    let etag = format!("\"\\\"{}-{suffix}\\\"\"", asset.hash);
    Ok(format!(
        "Some(Encoded {{ etag: {etag}, bytes: include_bytes!(\"site/{number}.{suffix}\") }})"
    ))
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
