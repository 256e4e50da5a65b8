//! Command lines of openpower-vpd-parser's vpd-tool, as openbmc-test-automation has them, and what they print.

use super::SERIAL;
use super::bed::Bed;
use serde_json::{Value, json};

fn json_of(bed: &Bed, line: &str) -> anyhow::Result<Value> {
    let run = bed.run(line)?;
    anyhow::ensure!(run.status == Some(0), "{line}: {run:?}");
    Ok(serde_json::from_str(&run.output)?)
}

#[test]
fn the_inventory_and_its_objects_are_dumped() -> anyhow::Result<()> {
    let Some(bed) = Bed::new()? else { return Ok(()) };
    let all = json_of(&bed, "-i")?;
    let parts = all[0].as_object().cloned().unwrap_or_default();
    assert_eq!(
        parts.keys().collect::<Vec<_>>(),
        ["/system/chassis/board", "/system/chassis/card", "/system/chassis/flat"]
    );
    for path in parts.keys() {
        assert_eq!(json_of(&bed, &format!("-o -O {path}"))?[0][path], parts[path], "{path}");
    }
    let card = &parts["/system/chassis/card"];
    for (name, value) in [
        ("SN", SERIAL),
        ("PN", "99VV102"),
        ("CC", "7V11"),
        ("DR", "FAN CARD"),
        ("FN", "99VV101"),
        ("LocationCode", "U78DA.ND0.WZS003T-P0-C1"),
        ("PrettyName", "Part card"),
        ("TYPE", "FRU"),
    ] {
        assert_eq!(card[name], value, "{name}");
    }
    let table = bed.run("-i -t")?;
    assert!(
        table.status == Some(0) && table.output.starts_with("FRU") && table.output.contains(SERIAL),
        "{table:?}"
    );
    assert_eq!(bed.run("-o -O /system/none")?.status, Some(67));
    Ok(())
}

#[test]
fn keywords_are_read_written_and_put_back() -> anyhow::Result<()> {
    let Some(bed) = Bed::new()? else { return Ok(()) };
    let object = "/system/chassis/card";
    let read =
        |line: &str, keyword: &str| Ok::<_, anyhow::Error>(json_of(&bed, line)?[object][keyword].clone());
    let chip = bed.image("card").display().to_string();
    for (keyword, old, new) in [("SN", SERIAL, "ABCD12345678"), ("PN", "99VV102", "XYZ1234")] {
        let line = format!("-r -O {object} -R VINI -K {keyword}");
        assert_eq!(read(&line, keyword)?, old);
        let run = bed.run(&format!("-w -O {object} -R VINI -K {keyword} --value {new}"))?;
        assert_eq!((run.status, run.output.lines().count()), (Some(0), 1), "{run:?}");
        assert!(
            run.output.contains(object) && run.output.contains(&format!("[VINI : {keyword}]")),
            "{run:?}"
        );
        assert_eq!(read(&line, keyword)?, new);
        let hardware = format!("-r -H -O {chip} -R VINI -K {keyword}");
        assert_eq!(json_of(&bed, &hardware)?, json!({ &*chip: { keyword: new } }));
        assert_eq!(bed.run(&format!("-u -O {object} -R VINI -K {keyword} -V {old}"))?.status, Some(0));
        assert_eq!(read(&line, keyword)?, old);
    }
    assert_eq!(read(&format!("-r -O {object} -R VINI -K HW"), "HW")?, "0x0002");
    assert_eq!(bed.run(&format!("-w -H -O {chip} -R VINI -K HW -V 0x0003"))?.status, Some(0));
    assert_eq!(read(&format!("-r -O {object} -R VINI -K HW"), "HW")?, "0x0002");
    assert_eq!(json_of(&bed, &format!("-r -H -O {chip} -R VINI -K HW"))?[&*chip]["HW"], "0x0003");
    let run = bed.run(&format!("-r -H -O {chip} -R VINI -K HW --file @value"))?;
    assert_eq!((run.status, std::fs::read_to_string(bed.image("value"))?), (Some(0), "0003".to_owned()));
    std::fs::write(bed.image("value"), "YVIV00000109\nmore\n")?;
    assert_eq!(bed.run(&format!("-w -O {object} -R VINI -K SN --file @value"))?.status, Some(0));
    assert_eq!(read(&format!("-r -O {object} -R VINI -K SN"), "SN")?, "YVIV00000109");
    // Another length is refused: upstream cuts, or leaves the end of the old value.
    assert_eq!(bed.run(&format!("-w -O {object} -R VINI -K SN -V ABC"))?.status, Some(64));
    let flat = bed.image("flat").display().to_string();
    assert_eq!(json_of(&bed, &format!("-r -H -O {flat} -K PN"))?[&*flat]["PN"], "99VV202");
    Ok(())
}

#[test]
fn what_the_system_does_not_have_is_read_by_its_offset() -> anyhow::Result<()> {
    let Some(bed) = Bed::new()? else { return Ok(()) };
    let spare = bed.image("spare.bin");
    std::fs::write(&spare, [vec![0; 64], house_tests::fixture("card")].concat())?;
    let path = spare.display().to_string();
    let read = json_of(&bed, &format!("-r -H -O {path} -R VINI -K SN -s 64"))?;
    assert_eq!(read[&*path]["SN"], SERIAL);
    Ok(())
}
