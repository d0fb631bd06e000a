//! A class in Chromium: a teacher's page and several students' pages at one relay.

use fantoccini::wd::WindowHandle;
use serde_json::json;
use shared::call::Transport::Tcp;
use tests::{
    browser::Browser,
    faulty_proxy::{Fault, FaultyProxy},
    folder::Folder,
    language::Language,
    relay::Relay,
    story::{BrowserOptions, DESK, NO_CONVERSATION, PHONE, in_both_languages_at},
};

/// A class that is being held.
struct Class {
    teacher: WindowHandle,
    code: String,
}

impl Class {
    /// The page one looks at becomes its teacher's.
    async fn begins(browser: &Browser) -> Self {
        browser.activates("#view-class").await;
        browser.writes("#class-title-field", "Tuesday").await;
        browser.activates("#class-create-do").await;
        browser.sees("body[data-class=teacher]").await;
        let shown = browser.text("#class-code").await;
        let code = shown.replace(' ', "");
        assert_eq!(code.len(), shared::class::CODE_LENGTH, "{shown}");
        let teacher = browser.stands_at().await;
        Self { teacher, code }
    }

    /// Another page joins with the code as a person may type it.
    async fn is_joined(&self, browser: &Browser, url: &str, name: &str) -> WindowHandle {
        let page = browser.opens_another(url).await;
        browser.activates("#view-class").await;
        let said = format!(" {}", self.code.to_lowercase());
        browser.writes("#class-code-field", &said).await;
        enters(browser, name).await;
        page
    }

    /// Another page joins by the link.
    async fn is_joined_by_link(
        &self,
        browser: &Browser,
        relay: &Relay,
        name: &str,
    ) -> WindowHandle {
        let link = format!("{}c/{}", relay.url(), self.code);
        let page = browser.opens_another(&link).await;
        browser.sees("#class-join:not([hidden])").await;
        enters(browser, name).await;
        page
    }

    async fn is_seen_by_teacher(&self, browser: &Browser) {
        browser.goes_to(&self.teacher).await;
    }
}

async fn enters(browser: &Browser, name: &str) {
    browser.writes("#class-name-field", name).await;
    browser.activates("#class-join-do").await;
    browser.sees("body[data-class=student]").await;
    browser.sees("#class[hidden]").await;
}

fn start() -> Relay {
    Relay::start(&[])
}

/// The tile of that name is in that state.
async fn sees_tile(browser: &Browser, name: &str, state: &str) {
    let wanted = format!(
        "[...document.querySelectorAll('#wall [data-state={state}]')].some(tile => \
         tile.querySelector('.who').textContent === {})",
        json!(name)
    );
    browser.waits_until(&wanted).await;
}

async fn opens_tile(browser: &Browser, member: u32) {
    let tile = format!("#wall [data-member='{member}'] button");
    browser.activates(&tile).await;
    browser.sees("#class-opened:not([hidden])").await;
}

#[tokio::test]
async fn students_join_by_code_and_by_link_and_stand_on_the_wall() {
    let tell = async |relay: Relay, browser: &Browser, language: &Language| {
        let class = Class::begins(browser).await;
        browser.sees("#class-qr[hidden]").await;
        let flag = format!("--http 0.0.0.0:{}", relay.http.port());
        let only_here = language.fills("class.only_here", &[("flag", &flag)]);
        browser.reads_line("#class-only-here", &only_here).await;
        let empty = language.text("class.wall_empty").to_owned();
        browser.reads_line("#wall-empty", &empty).await;

        class.is_joined(browser, &relay.url(), "Ada").await;
        let you = language.fills("class.you", &[("name", "Ada")]);
        browser.reads_line("#class-you", &you).await;
        browser.sends_sentence("hello").await;
        browser.reads_reply("HELLO").await;
        class.is_joined_by_link(browser, &relay, "小明").await;
        assert_eq!(browser.accessibility_findings().await, [""; 0]);

        class.is_seen_by_teacher(browser).await;
        sees_tile(browser, "Ada", "well").await;
        sees_tile(browser, "小明", "quiet").await;
        let here = language.fills("class.here_of", &[("n", "2"), ("members", "2")]);
        browser.reads_line("#class-here", &here).await;
        assert_eq!(browser.accessibility_findings().await, [""; 0]);

        // One key, and no name is on the projector; that is remembered.
        browser.reaches("#class-copy").await;
        browser.keys("n").await;
        let numbered = language.fills("class.number", &[("n", "1")]);
        sees_tile(browser, &numbered, "well").await;
        browser.reloads().await;
        browser.sees("body[data-class=teacher]").await;
        sees_tile(browser, &numbered, "well").await;
        assert!(!browser.text("#wall").await.contains("Ada"));
        browser.activates("#wall-names").await;
        sees_tile(browser, "Ada", "well").await;

        browser.writes("#wall-filter", "明").await;
        browser.sees("#wall [data-member='1'][hidden]").await;
        assert!(browser.has("#wall [data-member='2']:not([hidden])").await);
    };
    in_both_languages_at([DESK, PHONE], start, BrowserOptions::default(), tell).await;
}

#[tokio::test]
async fn a_refusal_to_join_is_shown_beside_the_field() {
    let tell = async |relay: Relay, browser: &Browser, language: &Language| {
        browser.activates("#view-class").await;
        for (code, name, field, key) in [
            (" - ", "Ada", "code", "class.no_code"),
            ("K7XM30", "Ada", "code", "reason.no_such_class"),
            ("222222", "Ada", "code", "reason.no_such_class"),
        ] {
            browser.writes("#class-code-field", code).await;
            browser.writes("#class-name-field", name).await;
            browser.activates("#class-join-do").await;
            let place = format!("#class-{field}-wrong");
            browser.reads_line(&place, language.text(key)).await;
        }
        let class = Class::begins(browser).await;
        browser.activates("#class-do-lock").await;
        browser.sees("#class-do-lock[aria-pressed=true]").await;
        browser
            .opens_another(&format!("{}c/{}", relay.url(), class.code))
            .await;
        browser.writes("#class-name-field", "Ada").await;
        browser.activates("#class-join-do").await;
        let locked = language.text("reason.class_locked");
        browser.reads_line("#class-code-wrong", locked).await;
    };
    in_both_languages_at([PHONE, DESK], start, BrowserOptions::default(), tell).await;
}

#[tokio::test]
async fn a_tile_opens_to_that_students_ladder_and_the_class_follows_the_teachers() {
    let tell = async |relay: Relay, browser: &Browser, language: &Language| {
        let class = Class::begins(browser).await;
        let ada = class.is_joined(browser, &relay.url(), "Ada").await;
        let bo = class.is_joined(browser, &relay.url(), "Bo").await;
        browser.goes_to(&ada).await;
        browser.sends_sentence("ada speaks").await;
        browser.reads_reply("ADA SPEAKS").await;

        class.is_seen_by_teacher(browser).await;
        opens_tile(browser, 1).await;
        browser.reads_line("#class-opened-name", "Ada").await;
        let ladder = "document.getElementById('client-names').textContent.includes('ada speaks')";
        browser.waits_until(ladder).await;

        browser.activates("#class-do-drive").await;
        browser.goes_to(&bo).await;
        let told = language.fills("class.following_of", &[("name", "Ada")]);
        browser.reads_line("#class-drive-text", &told).await;
        browser.waits_until(ladder).await;
        // The driven member has the same name for all.
        browser
            .waits_until("document.getElementById('client-head').textContent.startsWith('Ada ')")
            .await;
        browser.activates("#class-drive-leave").await;
        // Bo has sent nothing, so it has no ladder.
        browser.sees("#ladder-empty:not([hidden])").await;
        browser.sees("#canvas[hidden]").await;
        browser.activates("#class-drive-follow").await;
        browser.waits_until(ladder).await;

        class.is_seen_by_teacher(browser).await;
        browser.activates("#class-do-mute").await;
        browser.goes_to(&ada).await;
        browser.sees("#class-muted:not([hidden])").await;
        // It is shown as the teacher's act, and earlier events stay.
        let muted = language.text("reason.muted").to_owned();
        browser.reads_line("#class-muted-why", &muted).await;
        browser.sees("#send[disabled]").await;
        browser.reads_reply("ADA SPEAKS").await;
        browser.waits_until(ladder).await;
        assert!(!browser.text("main").await.contains("EACCES"));
        class.is_seen_by_teacher(browser).await;
        browser.activates("#class-do-remove").await;
        browser.activates("#class-sure-yes").await;
        browser.sees("#wall:not(:has([data-member='1']))").await;
        browser.goes_to(&ada).await;
        let removed = language.text("goodbye.removed").to_owned();
        browser.reads_line("#class-parted", &removed).await;

        // It stays out, under whatever name, until it is let in again.
        let title = language.fills("class.ask_back", &[("title", "Tuesday")]);
        browser
            .reads_line("#class-seats [data-p=back]", &title)
            .await;
        browser.writes("#class-code-field", &class.code).await;
        browser.writes("#class-name-field", "Eve").await;
        browser.activates("#class-join-do").await;
        let kept_out = language.text("reason.removed").to_owned();
        browser.reads_line("#class-code-wrong", &kept_out).await;
        browser.activates("#class-seats [data-p=back]").await;
        let kept_out = language.text("class.kept_out").to_owned();
        browser.reads_line("#class-parted", &kept_out).await;
        class.is_seen_by_teacher(browser).await;
        let knocks = language.text("class.knocks").to_owned();
        browser
            .reads_line("#class-outsiders [data-p=state]", &knocks)
            .await;
        browser.activates("#class-outsiders [data-p=in]").await;
        browser.sees("#class-outside[hidden]").await;
        browser.goes_to(&ada).await;
        browser.activates("#class-seats [data-p=back]").await;
        browser.sees("body[data-class=student]").await;
    };
    in_both_languages_at([DESK, DESK], start, BrowserOptions::default(), tell).await;
}

#[tokio::test]
async fn a_class_predicts_and_sees_the_outcome() {
    let tell = async |relay: Relay, browser: &Browser, language: &Language| {
        let class = Class::begins(browser).await;
        browser.unfolds("#class-more").await;
        browser.writes("#class-say-field", "看屏幕 👀").await;
        browser.keys("\u{e007}").await;
        let ada = class.is_joined(browser, &relay.url(), "Ada").await;
        browser.reads_line("#class-message", "看屏幕 👀").await;
        let bo = class.is_joined(browser, &relay.url(), "Bo").await;

        class.is_seen_by_teacher(browser).await;
        browser.writes("#class-ask-field", "What comes back?").await;
        browser.keys("\u{e007}").await;
        for (page, choice) in [(&ada, 0), (&bo, 2)] {
            browser.goes_to(page).await;
            browser
                .reads_line("#class-card-title", "What comes back?")
                .await;
            let button = format!("#class-choices [data-choice='{choice}'] [data-p=choose]");
            browser.activates(&button).await;
            browser
                .sees(&format!(
                    "#class-choices [data-choice='{choice}'][data-mine]"
                ))
                .await;
            assert!(
                browser.has("#class-choices .bar[hidden]").await,
                "not before it is closed"
            );
        }
        class.is_seen_by_teacher(browser).await;
        let count = language.fills("class.card_count", &[("n", "2"), ("members", "2")]);
        browser.reads_line("#class-card-state", &count).await;
        browser.activates("#class-card-close").await;
        browser
            .sees("#class-choices [data-choice='2'] meter[value='1'][max='2']")
            .await;
        browser
            .activates("#class-choices [data-choice='2'] [data-p=reveal]")
            .await;
        browser.goes_to(&bo).await;
        browser
            .sees("#class-choices [data-choice='2'][data-mine][data-true]")
            .await;
        browser
            .sees("#class-choices [data-choice='0'] meter[value='1']")
            .await;
        let revealed = language.text("class.card_revealed").to_owned();
        browser.reads_line("#class-card-state", &revealed).await;
        assert_eq!(browser.accessibility_findings().await, [""; 0]);
        class.is_seen_by_teacher(browser).await;
        browser.activates("#class-card-end").await;
        browser.goes_to(&ada).await;
        browser.sees("#class-card[hidden]").await;
    };
    in_both_languages_at([PHONE, DESK], start, BrowserOptions::default(), tell).await;
}

#[tokio::test]
async fn the_server_is_killed_before_the_whole_class() {
    let tell = async |relay: Relay, browser: &Browser, _language: &Language| {
        let class = Class::begins(browser).await;
        let ada = class.is_joined(browser, &relay.url(), "Ada").await;
        browser.turns_to(Tcp).await;
        assert!(
            browser.has("#server-kill[hidden]").await,
            "not the student's"
        );
        class.is_seen_by_teacher(browser).await;
        browser.activates("#class-tcp").await;
        browser.commands_server("#server-kill", "killed").await;
        browser.goes_to(&ada).await;
        browser.sees("#server[data-state=killed]").await;
        browser.sends_sentence("anybody there?").await;
        browser
            .sees("#calls [data-call=connect][data-errno=ECONNREFUSED]")
            .await;
        class.is_seen_by_teacher(browser).await;
        sees_tile(browser, "Ada", "wrong").await;
        browser.commands_server("#server-start", "running").await;
        browser.goes_to(&ada).await;
        browser.sends_sentence("again").await;
        browser.reads_reply("AGAIN").await;
    };
    in_both_languages_at([DESK, DESK], start, BrowserOptions::default(), tell).await;
}

/// Browsers write every failed WebSocket into the console, so it has errors while no relay answers.
const BROKEN: BrowserOptions = BrowserOptions {
    languages: "en-US,en",
    size: DESK,
    dark: false,
    forgives: NO_CONVERSATION,
};

#[tokio::test]
async fn a_student_reconnects_after_a_lost_connection() {
    let tell = async |relay: Relay, browser: &Browser, _language: &Language| {
        let class = Class::begins(browser).await;
        let link = FaultyProxy::to(relay.http).await;
        let ada = class.is_joined(browser, &link.url(), "Ada").await;
        browser.sends_sentence("before").await;
        browser.reads_reply("BEFORE").await;
        link.set_fault(Fault::Cut);
        browser.sees("#connection[data-state=lost]").await;
        class.is_seen_by_teacher(browser).await;
        sees_tile(browser, "Ada", "away").await;
        link.set_fault(Fault::None);
        browser.goes_to(&ada).await;
        browser.sees("#connection[data-state=open]").await;
        browser.sees("body[data-class=student]").await;
        assert!(
            browser.has("#class-lost[hidden]").await,
            "its sockets were kept"
        );
        browser.sends_sentence("after").await;
        browser.reads_reply("AFTER").await;
        class.is_seen_by_teacher(browser).await;
        sees_tile(browser, "Ada", "well").await;
    };
    in_both_languages_at([DESK, PHONE], start, BROKEN, tell).await;
}

#[tokio::test]
async fn after_a_killed_relay_restarts_all_members_are_back() {
    let folder = Folder::new();
    let data = folder.path().to_str().expect("a path").to_owned();
    let start = || Relay::start(&["--data", &data]);
    let tell = async |relay: Relay, browser: &Browser, language: &Language| {
        let class = Class::begins(browser).await;
        let ada = class.is_joined(browser, &relay.url(), "Ada").await;
        browser.sends_sentence("before").await;
        browser.reads_reply("BEFORE").await;
        let before = relay.kill();
        browser.sees("#connection[data-state=lost]").await;
        let again = Relay::start_again(&before, &["--data", &data]);
        browser.sees("#connection[data-state=open]").await;
        browser.sees("body[data-class=student]").await;
        let lost = language.text("class.lost");
        browser.sees("#class-lost:not([hidden])").await;
        assert!(browser.text("#class-lost").await.starts_with(lost));
        browser.sends_sentence("after").await;
        browser.reads_reply("AFTER").await;
        class.is_seen_by_teacher(browser).await;
        browser.sees("body[data-class=teacher]").await;
        sees_tile(browser, "Ada", "well").await;
        let shown = browser.text("#class-code").await.replace(' ', "");
        assert_eq!(shown, class.code);
        browser.goes_to(&ada).await;
        browser.reloads().await;
        browser.sees("body[data-class=student]").await;
        drop(again);
    };
    in_both_languages_at([DESK, PHONE], start, BROKEN, tell).await;
}

/// The step of the card in play at this place is in that state.
async fn does_step(browser: &Browser, at: usize, state: &str) {
    let step = format!("#card-steps > li:nth-child({at})");
    browser.activates(&format!("{step} button")).await;
    browser.sees(&format!("{step}[data-state={state}]")).await;
}

#[tokio::test]
async fn a_student_plays_a_card_in_a_private_lab_and_returns() {
    let tell = async |relay: Relay, browser: &Browser, language: &Language| {
        let class = Class::begins(browser).await;
        let ada = class.is_joined(browser, &relay.url(), "Ada").await;
        browser.sends_sentence("before").await;
        browser.reads_reply("BEFORE").await;
        let address = browser.text("#server-address").await;
        browser.turns_to_cards().await;
        let card = "#cards-list > [data-id='40-lost-either-way'] button";
        browser.scrolls_and_clicks(card).await;
        browser.scrolls_and_clicks("#card-skip").await;
        browser.sees("#card-goes-out:not([hidden])").await;
        does_step(browser, 1, "done").await;
        browser.sees("#class-out:not([hidden])").await;
        assert_ne!(
            browser.text("#server-address").await,
            address,
            "a lab of its own"
        );

        // The class continues, and the teacher sees the progress.
        class.is_seen_by_teacher(browser).await;
        sees_tile(browser, "Ada", "out").await;
        let steps = [("card", "40"), ("step", "1"), ("steps", "3")];
        let at = language.fills("class.card_at", &steps);
        browser.reads_line("#wall [data-p=card]", &at).await;
        browser.unfolds("#class-more").await;
        browser.writes("#class-say-field", "look up").await;
        browser.keys("\u{e007}").await;
        browser.goes_to(&ada).await;
        browser.reads_line("#class-message", "look up").await;
        let back = language.fills("class.back_to", &[("title", "Tuesday")]);
        browser.reads_line("#class-back", &back).await;
        assert_eq!(browser.accessibility_findings().await, [""; 0]);
        for at in 2..=3 {
            does_step(browser, at, "done").await;
        }
        browser.sees("#card-verdict[data-holds=true]").await;
        class.is_seen_by_teacher(browser).await;
        let done = language.fills("class.card_done", &[("card", "40")]);
        browser.reads_line("#wall [data-p=card]", &done).await;

        browser.goes_to(&ada).await;
        browser.clicks("#card-back").await;
        browser.sees("#class-out[hidden]").await;
        browser.activates("#view-play").await;
        browser.reads_line("#server-address", &address).await;
        browser.sends_sentence("after").await;
        browser.reads_reply("AFTER").await;
        class.is_seen_by_teacher(browser).await;
        sees_tile(browser, "Ada", "well").await;
    };
    in_both_languages_at([DESK, PHONE], start, BrowserOptions::default(), tell).await;
}

#[tokio::test]
async fn a_closed_page_can_return_to_its_class() {
    let tell = async |relay: Relay, browser: &Browser, language: &Language| {
        let class = Class::begins(browser).await;
        browser.activates("#class-do-lock").await;
        browser.sees("#class-do-lock[aria-pressed=true]").await;
        // Another tab knows nothing of the first one but what the browser remembers.
        let link = format!("{}c/{}", relay.url(), class.code);
        browser.opens_another(&link).await;
        let back = language.fills("class.back_to", &[("title", "Tuesday")]);
        browser
            .reads_line("#class-seats [data-p=back]", &back)
            .await;
        assert_eq!(browser.accessibility_findings().await, [""; 0]);
        browser.activates("#class-seats [data-p=back]").await;
        browser.sees("body[data-class=teacher]").await;
        browser.activates("#class-do-lock").await;
        browser.sees("#class-do-lock[aria-pressed=false]").await;

        // The tab of before can take it back; and the link for another machine leads in as well.
        let second = browser.stands_at().await;
        browser.goes_to(&class.teacher).await;
        browser.sees("#take-back:not([hidden])").await;
        let token = browser
            .asks("localStorage.getItem('class:' + document.getElementById('class-code').textContent.replace(' ', '')).split('\\t')[1]")
            .await;
        let token = token.as_str().expect("a token").to_owned();
        browser.asks("localStorage.clear()").await;
        browser
            .opens_another(&format!("{link}#teacher={token}"))
            .await;
        browser.sees("body[data-class=teacher]").await;
        assert_eq!(
            browser.asks("location.hash").await,
            json!(""),
            "nobody reads it off the screen"
        );
        browser.goes_to(&second).await;
        browser.sees("#take-back:not([hidden])").await;
        browser.activates("#take-back").await;
        browser.sees("body[data-class=teacher]").await;
    };
    in_both_languages_at([DESK, PHONE], start, BrowserOptions::default(), tell).await;
}

#[tokio::test]
async fn a_step_that_the_class_does_not_allow_is_marked_as_refused() {
    let tell = async |relay: Relay, browser: &Browser, language: &Language| {
        let class = Class::begins(browser).await;
        let ada = class.is_joined(browser, &relay.url(), "Ada").await;
        class.is_seen_by_teacher(browser).await;
        opens_tile(browser, 1).await;
        browser.activates("#class-do-mute").await;
        browser.goes_to(&ada).await;
        browser.sees("#class-muted:not([hidden])").await;
        browser.turns_to_cards().await;
        let card = "#cards-list > [data-id='10-who-chose-my-port'] button";
        browser.scrolls_and_clicks(card).await;
        browser.scrolls_and_clicks("#card-skip").await;
        does_step(browser, 1, "refused").await;
        let why = language.text("reason.muted");
        let refused = language.fills("cards.refused", &[("why", why)]);
        let mark = "#card-steps > li:nth-child(1) [data-p=mark]";
        browser.reads_line(mark, &refused).await;
    };
    in_both_languages_at([DESK, PHONE], start, BrowserOptions::default(), tell).await;
}
