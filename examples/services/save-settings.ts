import type { Models } from './models';

/** What the settings page sends: a box that is not ticked is missing, and so is a field left empty. */
export interface SettingsForm {
  language?: string;
  theme?: 'light' | 'dark';
  newsletter?: boolean;
}

/** Stores what the page shows as a whole: a setting that is missing is back at its default. */
export async function saveSettings({ Settings }: Models, userId: string, form: SettingsForm) {
  const { doc } = await Settings.saveOrUpsert(
    { ...form, userId },
    { onConflict: 'replace', lean: true },
  );
  return doc;
}
