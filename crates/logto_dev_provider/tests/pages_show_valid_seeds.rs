//! What is written about seeds elsewhere is true of the built-in one.

use logto_dev_provider::Seed;

/// The code blocks of a Markdown page in this language.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let start = format!("```{language}\n");
    let blocks = page.split(&start).skip(1);
    blocks
        .map(|rest| rest.split("```").next().unwrap())
        .collect()
}

#[test]
fn the_seed_in_the_readme_is_one() {
    let seeds = blocks(include_str!("../README.md"), "toml");
    assert!(!seeds.is_empty());
    for text in seeds {
        Seed::from_toml(text).unwrap();
    }
}

/// A tenant refuses a sign-in for a resource that it does not know.
#[test]
fn the_web_app_asks_for_what_the_built_in_seed_has() {
    let file: toml::Table = include_str!("../../../Rocket.toml").parse().unwrap();
    let sign_in = &file["debug"]["logto"]["dev_provider"]["sign_in"];
    let list = |key: &str| {
        let list = sign_in[key].as_array().unwrap().iter();
        list.map(|text| text.as_str().unwrap()).collect::<Vec<_>>()
    };
    let seed = Seed::default();
    for indicator in list("resources") {
        assert!(
            seed.resources.iter().any(|r| r.indicator == indicator),
            "{indicator}"
        );
    }
    let of_resources = seed.resources.iter().flat_map(|resource| {
        let scopes = resource.scopes.keys();
        scopes.chain(resource.organization_scopes.keys())
    });
    let of_roles = seed
        .organizations
        .iter()
        .flat_map(|o| o.roles.values().flatten());
    let known: Vec<&String> = of_resources.chain(of_roles).collect();
    for scope in list("scopes") {
        assert!(known.iter().any(|known| *known == scope), "{scope}");
    }
}

/// The example there, uncommented, is a user.
#[test]
fn the_example_in_rocket_toml_is_a_seed() {
    let text = include_str!("../../../Rocket.toml");
    let (_, example) = text
        .split_once("# [[debug.logto.dev_provider.users]]")
        .unwrap();
    let lines = example.lines().map(|line| line.trim_start_matches("# "));
    let user = lines.collect::<Vec<_>>().join("\n");
    let seed = Seed::from_toml(&format!("[[users]]\n{user}")).unwrap();
    assert_eq!(seed.user("dora").unwrap().roles, ["shopper"]);
}
