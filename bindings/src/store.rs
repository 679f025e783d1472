//! The models on this device, and how they get there.

use std::path::PathBuf;
use std::sync::Arc;

use minnow::{Encoder, Engine};
use minnow_models::{
    CancelToken as FetchCancel, Catalogue, Fetch, FetchOptions, HttpFetch, ModelEntry, ModelState, Progress, Stage,
    Store,
};

use crate::error::{MinnowError, Result};
use crate::jobs;
use crate::listener::ListenerError;
use crate::log;
use crate::transport::{AppTransport, HttpTransport};

/// Whether a model can be used now, in ML Kit's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum FeatureStatus {
    /// This build can't run it, or it isn't here and can't be fetched.
    Unavailable,
    /// It isn't here, or not completely; it can be fetched.
    Downloadable,
    /// It is being fetched.
    Downloading,
    /// It is here.
    Available,
}

/// A model that the catalogue knows.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct ModelDescription {
    /// Its name.
    pub name: String,
    /// The model family.
    pub architecture: String,
    /// The block format of most weights.
    pub quantisation: String,
    /// Bytes of all its files.
    pub bytes: u64,
    /// The name of the terms that it comes under.
    pub licence: String,
    /// Where to read them.
    pub licence_url: String,
    /// Whether they must be accepted before it is fetched.
    pub licence_must_be_accepted: bool,
    /// Whether it can be used now.
    pub status: FeatureStatus,
}

/// What a fetch is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum FetchStage {
    /// Another call or process is fetching the same model.
    Waiting,
    /// Bytes come in.
    Downloading,
    /// A checksum is computed.
    Verifying,
}

/// Is told how a fetch goes.
#[uniffi::export(foreign)]
pub trait FetchListener: Send + Sync {
    /// `done` of `total` bytes of one of the model's files.
    fn on_progress(&self, stage: FetchStage, file: String, done: u64, total: u64) -> Result<(), ListenerError>;
}

/// A folder of models.
#[derive(uniffi::Object)]
pub struct NativeStore {
    store: Arc<Store>,
}

/// The store in `folder`, which may not exist yet. `catalogue`: the text of another catalogue than the one that Minnow ships.
///
/// # Errors
/// `Catalogue` for a text that isn't one.
#[uniffi::export]
pub async fn open_store(
    folder: String,
    catalogue: Option<String>,
    transport: Arc<dyn HttpTransport>,
) -> Result<Arc<NativeStore>> {
    log::install();
    jobs::detached(move |_| {
        let catalogue = match catalogue {
            Some(text) => Catalogue::parse(&text)?,
            None => Catalogue::embedded()?,
        };
        let fetch: Box<dyn Fetch> = Box::new(HttpFetch::new(AppTransport(transport)));
        Ok(Arc::new(NativeStore { store: Arc::new(Store::new(PathBuf::from(folder), catalogue, vec![fetch])) }))
    })
    .await
}

#[uniffi::export]
impl NativeStore {
    /// Every model of the catalogue.
    pub async fn list(&self) -> Result<Vec<ModelDescription>> {
        let store = self.store.clone();
        jobs::detached(move |_| Ok(store.list().map(|(model, state)| description(model, state)).collect())).await
    }

    /// One model of the catalogue.
    ///
    /// # Errors
    /// `Catalogue` for a name that it doesn't have.
    pub async fn describe(&self, name: String) -> Result<ModelDescription> {
        let store = self.store.clone();
        jobs::detached(move |_| {
            let model = store.catalogue().get(&name)?;
            Ok(description(model, store.state(model)))
        })
        .await
    }

    /// Where a stored model is.
    ///
    /// # Errors
    /// `NotStored` where it isn't here, `Catalogue` for a name that there isn't.
    pub async fn path(&self, name: String) -> Result<String> {
        let store = self.store.clone();
        jobs::detached(move |_| text(store.path(&name)?)).await
    }

    /// Fetches a model and gives its path. What is here and intact stays; a broken-off download goes on.
    ///
    /// # Errors
    /// `Unsupported` for a family that can't be run here, `Catalogue`, `LicenceNotAccepted`, `Storage`, `Download`; `Cancelled` keeps
    /// what has come in.
    pub async fn fetch(
        &self,
        name: String,
        accept_licence: bool,
        listener: Option<Arc<dyn FetchListener>>,
    ) -> Result<String> {
        let store = self.store.clone();
        with_fetch_cancel(move |cancel| {
            let architecture = &store.catalogue().get(&name)?.architecture;
            if !can_run(architecture) {
                let reason = format!("this build can't run architecture `{architecture}` ({name})");
                return Err(MinnowError::Unsupported { reason });
            }
            let mut failed = false;
            let mut tell = |progress: Progress<'_>| {
                if let Some(listener) = listener.as_ref().filter(|_| !failed) {
                    let stage = stage(progress.stage);
                    let told = listener.on_progress(stage, progress.file.to_owned(), progress.done, progress.total);
                    failed = told.is_err();
                }
                if failed {
                    cancel.cancel();
                }
            };
            let options = FetchOptions::default().accept_licence(accept_licence);
            let path = store.fetch(&name, options, &mut tell, &cancel);
            match failed {
                true => Err(MinnowError::internal("the app's listener threw an exception")),
                false => text(path?),
            }
        })
        .await
    }

    /// Computes a stored model's checksums.
    ///
    /// # Errors
    /// `ModelFile` for a file that isn't what the catalogue describes, `NotStored`, `Storage`, `Cancelled`.
    pub async fn verify(&self, name: String) -> Result<()> {
        let store = self.store.clone();
        with_fetch_cancel(move |cancel| Ok(store.verify(&name, &mut |_| (), &cancel)?)).await
    }

    /// Deletes what is here of a model.
    ///
    /// # Errors
    /// `Catalogue` for a name that there isn't, `Storage`, `Cancelled`.
    pub async fn remove(&self, name: String) -> Result<()> {
        let store = self.store.clone();
        with_fetch_cancel(move |cancel| Ok(store.remove(&name, &cancel)?)).await
    }
}

/// Runs `work` elsewhere with a cancel of the store's kind, which the future's end pulls.
async fn with_fetch_cancel<T: Send + 'static>(
    work: impl FnOnce(FetchCancel) -> Result<T> + Send + 'static,
) -> Result<T> {
    struct CancelOnDrop(FetchCancel);
    impl Drop for CancelOnDrop {
        fn drop(&mut self) {
            self.0.cancel();
        }
    }
    let cancel = FetchCancel::new();
    let _cancel_on_drop = CancelOnDrop(cancel.clone());
    jobs::detached(move |_| work(cancel)).await
}

/// Whether this build has code for a model family.
fn can_run(architecture: &str) -> bool {
    Engine::implements(architecture) || Encoder::implements(architecture)
}

fn stage(stage: Stage) -> FetchStage {
    match stage {
        Stage::Waiting => FetchStage::Waiting,
        Stage::Downloading | Stage::Unpacking => FetchStage::Downloading,
        Stage::Verifying => FetchStage::Verifying,
    }
}

fn description(model: &ModelEntry, state: ModelState) -> ModelDescription {
    ModelDescription {
        name: model.name.clone(),
        architecture: model.architecture.clone(),
        quantisation: model.quantisation.clone(),
        bytes: model.bytes(),
        licence: model.licence.name.clone(),
        licence_url: model.licence.url.clone(),
        licence_must_be_accepted: model.licence.accept,
        status: match state {
            _ if !can_run(&model.architecture) => FeatureStatus::Unavailable,
            ModelState::Unavailable => FeatureStatus::Unavailable,
            ModelState::Downloadable => FeatureStatus::Downloadable,
            ModelState::Downloading => FeatureStatus::Downloading,
            ModelState::Available => FeatureStatus::Available,
        },
    }
}

fn text(path: PathBuf) -> Result<String> {
    let path = path.into_os_string().into_string();
    path.map_err(|_| MinnowError::invalid("folder", "the model folder's path is no Unicode text"))
}
