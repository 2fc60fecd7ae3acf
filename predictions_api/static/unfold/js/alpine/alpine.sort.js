// In place of the theme's rows to drag into another order: the desk has no such list.
