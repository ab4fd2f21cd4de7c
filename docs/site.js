// A figure is stored at twice the size at which it is shown, and says so
const shownWidth = img => img.getAttribute('width') || img.naturalWidth

// What is too wide scrolls, and can be reached by the keyboard; figures keep a size at which they can be read
const reach = () => {
  document.querySelectorAll('.cell_output img').forEach(img => img.style.minWidth = .65*shownWidth(img) + 'px')
  document.querySelectorAll('div.math, .table-wrapper, .highlight pre, .cell_output, .cell_output pre').forEach(part => {
    if (part.scrollWidth > part.clientWidth) part.tabIndex = 0
    else part.removeAttribute('tabindex')
  })
}
window.addEventListener('resize', reach)
window.addEventListener('load', () => (window.MathJax?.startup?.promise ?? Promise.resolve()).then(reach))

// The bars beside the page have names, and captions of the left one a level, for those who listen
const named = {'.sidebar-drawer': 'All pages', '.toc-drawer': 'On this page'}
for (const [bar, name] of Object.entries(named)) document.querySelector(bar)?.setAttribute('aria-label', name)
document.querySelectorAll('.caption[role=heading]').forEach(caption => caption.setAttribute('aria-level', 2))

// The corner of a table is no heading
document.querySelectorAll('th').forEach(cell => cell.textContent.trim() || cell.replaceWith(document.createElement('td')))

// Excerpts of search results: words, without equations, code and what cells print
if (typeof Search !== 'undefined') {
  const asText = Search.htmlToText
  Search.htmlToText = (html, anchor) => {
    const page = new DOMParser().parseFromString(html, 'text/html')
    page.querySelectorAll('h1, .math, .highlight, .sig, .cell').forEach(part => part.remove())
    return asText(page.documentElement.outerHTML, anchor)
  }
}
