use super::*;
use proptest::prelude::*;

fn has(path: &str) -> bool {
    let uri = Origin::parse(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    Subtree::parse("/private/Files").unwrap().has(&uri)
}

#[test]
fn knows_its_paths_in_every_spelling() {
    for path in [
        "/private/files",
        "/private/Files/",
        "/private/files/a/b.css?x=y",
        "//private///files",
        "/%70rivate/%66iles",
        "/PRIVATE/FILES/a",
        "/private;a=b/files",
        "/private./files",
        "/private%20/files",
        "/private%e2%80%8c/files",
        "/private/file%c5%bf",
    ] {
        assert!(has(path), "{path}");
    }
    for path in [
        "/",
        "/private",
        "/privat/efiles",
        "/private/filesx",
        "/x/private/files",
        "/private-files",
        "/a?/private/files",
    ] {
        assert!(!has(path), "{path}");
    }
}

#[test]
fn what_can_be_read_in_two_ways_counts() {
    for path in [
        "/public/../private/files",
        "/public/%2e%2e/private/files",
        "/public/..;/private/files",
        "/public/.%20/x",
        "/./private/files",
        "/private%2ffiles",
        "/private%252ffiles",
        "/private%5cfiles",
        "/public/%00",
        "/public/a%0d%0ab",
        "/public/%ff",
    ] {
        assert!(has(path), "{path}");
    }
}

#[test]
fn takes_plain_paths_only() {
    for path in ["/", "/a", "/a/", "//a//b-c_d.e"] {
        assert!(Subtree::parse(path).is_ok(), "{path}");
    }
    for path in [
        "", "a", "/a b", "/ä", "/a%20", "/a/../b", "/.", "/a?b", "/<id>", "/a./b",
    ] {
        assert_eq!(Subtree::parse(path).err(), Some(NoSubtree), "{path}");
    }
    assert!(
        Subtree::parse("/")
            .unwrap()
            .has(&Origin::parse("/any").unwrap())
    );
}

proptest! {
    /// What Rocket makes of a path, as a route or as the path of a file, is never in
    /// it unless the path is.
    #[test]
    fn no_file_below_it_is_missed(path in "(/(private|files|Files|public|\\.\\.|\\.|%2e|%2f|%70rivate|;x|a)){0,6}") {
        let Ok(uri) = Origin::parse(&path) else { return Ok(()) };
        let subtree = Subtree::parse("/private/files").unwrap();
        let by_route: Vec<_> = uri.path().segments().collect();
        let by_file = uri.path().segments().to_path_buf(true).unwrap_or_default();
        if by_route.starts_with(&["private", "files"]) || by_file.starts_with("private/files") {
            prop_assert!(subtree.has(&uri), "{path}");
        }
    }
}
