//! The tests' own reader of pages finds titles, links and forms, and what a
//! form submits.

use crate::support::html::{Link, Page};

#[test]
fn titles_links_and_forms() {
    let page = Page::parse(
        "<!doctype html><title> Sign&amp;in </title><script>'<form action=/no>'</script>
         <a href=/about>About <b>us</b></a>
         <form id=f method=POST action='/go?a=1&amp;b=2'>
           <input type=hidden name=csrf value='&quot;x&quot;'>
           <input name=who value=alice><input name=off value=1 disabled>
           <input type=checkbox name=no value=1><input type=checkbox name=yes checked>
           <select name=colour><option>red<option value=g selected>green</select>
           <textarea name=note><b>raw</b></textarea>
           <button name=do value=it>Sign <i>in</i></button><button type=button>Help</button>
         </form>
         <p>After</p><button form=f formaction=/stop>Stop</button><input name=lost value=1>
         <form><input type=submit value=Search></form>",
    );
    assert_eq!(page.title, "Sign&in");
    assert_eq!(
        page.links,
        [Link {
            text: "About us".into(),
            href: "/about".into()
        }]
    );
    assert!(page.text.ends_with("After Stop"), "{}", page.text);
    assert_eq!(page.forms.len(), 2);

    let (form, button) = page.find("Sign in".into()).unwrap();
    assert_eq!((form.action.as_str(), form.is_post), ("/go?a=1&b=2", true));
    let submitted = form.submission(button, &[("who", "bob"), ("new", "1")]);
    let expected = [
        ("csrf", "\"x\""),
        ("who", "bob"),
        ("yes", "on"),
        ("colour", "g"),
        ("note", "<b>raw</b>"),
        ("new", "1"),
        ("do", "it"),
    ];
    assert_eq!(
        submitted,
        expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );

    let (_, stop) = page.find("Stop".into()).unwrap();
    assert_eq!(stop.unwrap().formaction.as_deref(), Some("/stop"));
    assert!(!page.find("Search".into()).unwrap().0.is_post);
    assert!(page.find("Help".into()).is_none());
    assert!(page.find(2.into()).is_none());
}
