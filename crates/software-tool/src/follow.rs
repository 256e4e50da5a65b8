//! Following an image on the bus to its end, and telling how it ended.

use crate::arguments::Following;
use crate::exit::{Exit, Failure};
use crate::link::{Link, News};
use crate::progress::Progress;
use crate::screen::Screen;
use image_follower::{End, Follower};
use serde::Serialize;
use update_state::Activation;

/// The image, and where it is found.
pub(crate) struct Image<'a> {
    /// Its object's name.
    pub(crate) id: &'a str,
    /// A service that has it.
    pub(crate) service: &'a str,
}

/// What is told of the result as JSON.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Report<'a> {
    pub(crate) id: &'a str,
    pub(crate) service: &'a str,
    /// The state, or `null` where that is not known.
    pub(crate) result: Option<&'static str>,
    pub(crate) version: Option<String>,
    pub(crate) reason: Option<&'a str>,
}

impl Report<'_> {
    pub(crate) fn print(&self, screen: &mut Screen<'_>) -> Result<(), Failure> {
        let text = serde_json::to_string(self).map_err(|error| Failure::new(Exit::Internal, error))?;
        screen.print(&(text + "\n"))
    }
}

/// Follows an image until it has ended, and prints how.
pub(crate) async fn follow(
    link: &mut Link,
    mut follower: Follower,
    image: &Image<'_>,
    following: &Following,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let mut progress = Progress::default();
    let ended = wait(link, &mut follower, image, following, (screen, &mut progress)).await;
    progress.end(screen);
    let reason = match &ended {
        Ok(End::State(Activation::Failed | Activation::Invalid)) => {
            image_follower::reason(&link.connection, &follower).await
        }
        _ => String::new(),
    };
    if following.json {
        let result = match &ended {
            Ok(End::State(state)) => Some(state.word()),
            _ => None,
        };
        let version = image_follower::version(&link.connection, &follower, image.service).await;
        let reason = Some(&*reason).filter(|reason| !reason.is_empty());
        Report { id: image.id, service: image.service, result, version, reason }.print(screen)?;
    }
    conclude(ended?, image.id, &reason, following, screen)
}

/// Waits for the end; every change begins the time anew.
async fn wait(
    link: &mut Link,
    follower: &mut Follower,
    image: &Image<'_>,
    following: &Following,
    (screen, progress): (&mut Screen<'_>, &mut Progress),
) -> Result<End, Failure> {
    loop {
        if let Some(end) = follower.end() {
            return Ok(end);
        }
        progress.show(screen, image.id, follower.doing());
        let deadline = tokio::time::Instant::now() + following.timeout;
        loop {
            let news = tokio::time::timeout_at(deadline, link.next()).await;
            let news = news.map_err(|_| silence(follower, image.id, following))??;
            if take(follower, news) {
                break;
            }
        }
    }
}

/// Takes news, and tells whether they are about the image.
fn take(follower: &mut Follower, news: News) -> bool {
    match news {
        News::Said(said) => follower.announced(&said),
        News::Came { name, owner } => {
            follower.owned_by(&name, &owner);
            false
        }
        News::Gone { owner } => follower.left(&owner),
        News::Left { .. } => false,
    }
}

/// Takes what was said before the image was looked at. It may be older than what was seen, or newer, as an answer can be
/// overtaken; at the end of it both are the same.
pub(crate) async fn catch_up(link: &mut Link, follower: &mut Follower) -> Result<(), Failure> {
    while let Some(news) = link.waiting().await? {
        take(follower, news);
    }
    Ok(())
}

fn silence(follower: &Follower, id: &str, following: &Following) -> Failure {
    let (limit, doing) = (following.timeout.as_secs(), follower.doing().what);
    Failure::say(
        Exit::TryAgain,
        format!(
            "nothing was heard of {id} for {limit} s, the last was: {doing}; the update may still go on, \
             `software-tool list` shows how it stands"
        ),
    )
}

fn conclude(
    end: End,
    id: &str,
    reason: &str,
    following: &Following,
    screen: &mut Screen<'_>,
) -> Result<Exit, Failure> {
    let text = match end {
        End::State(Activation::Active) => format!("{id} is active\n"),
        End::State(Activation::Staged) => format!("{id} is staged: it becomes active at the next reset\n"),
        End::State(Activation::Ready) => {
            format!("{id} is ready: `software-tool activate {id}` has it installed\n")
        }
        End::State(state) => {
            let reason = match reason {
                "" => "no reason is given, the event log may know more",
                reason => reason,
            };
            let what = if state == Activation::Invalid { "is refused" } else { "could not be installed" };
            return Err(Failure::say(Exit::BadImage, format!("{id} {what}: {reason}")));
        }
        End::Removed => {
            return Err(Failure::say(Exit::BadImage, format!("{id} was removed before it was installed")));
        }
    };
    if !following.json {
        screen.print(&text)?;
    }
    Ok(Exit::Done)
}
